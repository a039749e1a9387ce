//! What breaks under Flotilla: the operator is killed, restarted, the API server stands still.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap in a test is a failed test; clippy does not see that helpers here are tests too"
)]

#[path = "faults/api_server.rs"]
mod api_server;
#[path = "faults/budgets.rs"]
mod budgets;
#[path = "faults/operator.rs"]
mod operator;
#[path = "routing/objects.rs"]
#[allow(dead_code, reason = "shared with the tests of routing, which use more of it")]
mod routing;
#[path = "faults/scaling.rs"]
mod scaling;
#[path = "scaling/stage.rs"]
#[allow(dead_code, reason = "shared with the tests of scaling, which use more of it")]
mod stage;

use flotilla_e2e::harness::{Cluster, Result, TestNamespace};

/// These tests break what all others need, so they run one after the other.
static ALONE: tokio::sync::Mutex<()> = tokio::sync::Mutex::const_new(());

async fn alone<F>(test: &str, body: F)
where
    F: AsyncFnOnce(Cluster, TestNamespace) -> Result<()>,
{
    let _alone = ALONE.lock().await;
    routing::with_flotilla(test, body).await;
}
