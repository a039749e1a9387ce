//! The API of Flotilla and the contract between its parts: what a user may write, what the operator reports,
//! and what routers are told. No client, no IO.

pub mod labels;
pub mod manifests;
pub mod model_deployment;
pub mod router_config;
pub mod routing_policy;

pub use model_deployment::{ModelDeployment, ModelDeploymentSpec, ModelDeploymentStatus};
pub use routing_policy::{RoutingPolicy, RoutingPolicySpec, RoutingPolicyStatus};
