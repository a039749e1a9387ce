//! The router over real sockets, between a client and stand-in providers.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    reason = "a failed unwrap in a test is a failed test; clippy does not see that helpers here are tests too"
)]

mod accounting;
mod adapters;
mod affinity;
mod bodies;
mod boundary;
mod budgets;
mod cancel;
mod clients;
mod collector;
mod continuation;
mod contract;
mod demand;
mod ejection;
mod embeddings;
mod ends;
mod explain;
mod failover;
mod hedging;
mod hold;
mod keys;
mod leases;
mod operator_stream;
mod overflow;
mod overload;
mod process;
mod raw;
mod reload;
mod retries;
mod rig;
mod scripted_operator;
mod slow_clients;
mod soak;
mod spans;
mod spill;
mod split;
mod stale;
mod streaming;
mod translation;
mod wire;
