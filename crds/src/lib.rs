//! The API of Flotilla and the contract between its parts: what a user may write, what the operator reports,
//! and what routers are told. No client, no IO.

pub mod labels;
#[cfg(feature = "api")]
pub mod manifests;
#[cfg(feature = "api")]
pub mod model_deployment;
pub mod router_config;
#[cfg(feature = "api")]
pub mod routing_policy;

#[cfg(feature = "api")]
pub use model_deployment::{ModelDeployment, ModelDeploymentSpec, ModelDeploymentStatus};
#[cfg(feature = "api")]
pub use routing_policy::{RoutingPolicy, RoutingPolicySpec, RoutingPolicyStatus};

/// Takes the text of an enum's type out of its schema. The definitions that are installed have one text for a field, and
/// that of an optional enum would be replaced by its type's: what is the default, and what is promised, stands in the
/// field's.
fn undescribed(schema: &mut schemars::Schema) {
    schema.remove("description");
}
