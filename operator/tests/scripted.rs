//! The operator against an API server that fails on cue: nothing is orphaned, nothing is doubled, and nobody writes
//! who does not lead.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap in a test is a failed test; clippy does not see that helpers here are tests too"
)]

#[path = "scripted/api_server.rs"]
mod api_server;
#[path = "scripted/children.rs"]
mod children;
#[path = "scripted/claims.rs"]
mod claims;
#[path = "scripted/decisions.rs"]
mod decisions;
#[path = "scripted/download.rs"]
mod download;
#[path = "scripted/drain.rs"]
mod drain;
#[path = "scripted/gateway.rs"]
mod gateway;
#[path = "scripted/heads.rs"]
mod heads;
#[path = "scripted/hub_heads.rs"]
mod hub_heads;
#[path = "scripted/learned.rs"]
mod learned;
#[path = "scripted/lease.rs"]
mod lease;
#[path = "scripted/observe.rs"]
mod observe;
#[path = "scripted/oci.rs"]
mod oci;
#[path = "scripted/reconcile.rs"]
mod reconcile;
#[path = "scripted/registry.rs"]
mod registry;
#[path = "scripted/secret_watch.rs"]
mod secret_watch;
#[path = "scripted/stream.rs"]
mod stream;
