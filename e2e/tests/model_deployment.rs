//! From a `ModelDeployment` to an engine that answers, and back to nothing.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap in a test is a failed test; clippy does not see that helpers here are tests too"
)]

#[path = "model_deployment/children.rs"]
mod children;
#[path = "model_deployment/convergence.rs"]
mod convergence;
#[path = "model_deployment/failures.rs"]
mod failures;
#[path = "model_deployment/model_file.rs"]
mod model_file;
#[path = "model_deployment/objects.rs"]
mod objects;
#[path = "model_deployment/observed.rs"]
mod observed;
#[path = "model_deployment/placement.rs"]
mod placement;
