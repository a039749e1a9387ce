//! From a `RoutingPolicy` to the answers that an application gets through the official client library.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap in a test is a failed test; clippy does not see that helpers here are tests too"
)]

#[path = "routing/adapters.rs"]
mod adapters;
#[path = "routing/attach.rs"]
mod attach;
#[path = "routing/claims.rs"]
mod claims;
#[path = "routing/clients.rs"]
mod clients;
#[path = "routing/credentials.rs"]
mod credentials;
#[path = "routing/fallback.rs"]
mod fallback;
#[path = "routing/gateway.rs"]
mod gateway;
#[path = "routing/objects.rs"]
mod objects;
#[path = "routing/split.rs"]
mod split;
