//! The `ModelDeployment` controller: dereference, validate, build, apply, status.

pub mod apply;
pub mod asset;
pub mod build;
pub mod calibrate;
pub mod conflict;
pub mod dereference;
pub mod drain;
pub mod failure;
pub mod fetch;
pub mod fetching;
pub mod file;
pub mod need;
pub mod observe;
mod placed;
mod reconcile;
pub mod resolve;
pub mod shape;
mod sized;
pub mod status;
pub mod validate;

pub(crate) use placed::choice;
pub use placed::{News, news};
pub use reconcile::{Context, reconcile};
