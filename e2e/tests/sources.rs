//! Models that arrive whole: downloaded once, checked, resumed, and each failure told in a condition.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap in a test is a failed test; clippy does not see that helpers here are tests too"
)]

#[path = "sources/cache.rs"]
mod cache;
#[path = "sources/disk.rs"]
mod disk;
#[path = "sources/failures.rs"]
mod failures;
#[path = "sources/heads.rs"]
mod heads;
#[path = "sources/hub.rs"]
mod hub;
#[path = "sources/kinds.rs"]
mod kinds;
#[path = "model_deployment/objects.rs"]
#[allow(dead_code, reason = "shared with the tests of ModelDeployment, which use more of it")]
mod objects;
#[path = "sources/volume.rs"]
mod volume;
