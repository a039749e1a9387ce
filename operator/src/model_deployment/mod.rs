//! The `ModelDeployment` controller: dereference, validate, build, apply, status.

pub mod apply;
pub mod build;
pub mod calibrate;
pub mod dereference;
pub mod failure;
pub mod need;
pub mod observe;
mod reconcile;
pub mod source;
pub mod status;
pub mod validate;

pub use reconcile::{Context, Error, error_policy, reconcile};
