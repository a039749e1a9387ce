//! From a `ModelDeployment` to an engine that answers, and back to nothing.

#[path = "model_deployment/children.rs"]
mod children;
#[path = "model_deployment/convergence.rs"]
mod convergence;
#[path = "model_deployment/failures.rs"]
mod failures;
#[path = "model_deployment/objects.rs"]
mod objects;
#[path = "model_deployment/placement.rs"]
mod placement;
