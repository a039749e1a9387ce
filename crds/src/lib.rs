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
