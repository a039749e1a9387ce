//! The fetcher against a scripted hub on the loopback.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap or an outcome of another kind is a failed test"
)]

#[path = "it/cache.rs"]
mod cache;
#[path = "it/faults.rs"]
mod faults;
#[path = "it/process.rs"]
mod process;
#[path = "it/properties.rs"]
mod properties;
#[path = "it/rig.rs"]
mod rig;
#[path = "it/shared.rs"]
mod shared;
#[path = "it/sources.rs"]
mod sources;
#[path = "it/tls.rs"]
mod tls;
