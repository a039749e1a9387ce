//! Health, readiness and metrics.

use crate::fleet::CatalogReceiver;
use crate::lease::Leadership;
use crate::metrics::Metrics;
use crate::push::Registry;
use anyhow::Context as _;
use axum::routing::get;
use http::StatusCode;
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What the admin port tells of.
#[derive(Clone)]
pub(super) struct State {
    pub(super) metrics: Metrics,
    pub(super) registry: Arc<Registry>,
    pub(super) catalog: CatalogReceiver,
    pub(super) leadership: Leadership,
}

/// Serves until the shutdown.
pub(super) async fn serve(
    address: SocketAddr,
    state: State,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let listener = tokio::net::TcpListener::bind(address)
        .await
        .with_context(|| format!("could not listen on {address}"))?;
    let routes = axum::Router::new()
        .route("/healthz", get(|| async { "ok" }))
        .route("/readyz", get(ready))
        .route("/metrics", get(metrics))
        .with_state(state);
    axum::serve(listener, routes).with_graceful_shutdown(async move { shutdown.cancelled().await }).await?;
    Ok(())
}

/// Ready once the caches are complete: before that, routers and the webhook would get half an answer.
async fn ready(axum::extract::State(state): axum::extract::State<State>) -> (StatusCode, &'static str) {
    let complete = state.catalog.borrow().is_some();
    if complete { (StatusCode::OK, "ok") } else { (StatusCode::SERVICE_UNAVAILABLE, "reading the cluster") }
}

async fn metrics(axum::extract::State(state): axum::extract::State<State>) -> (StatusCode, String) {
    match state.metrics.text(state.registry.len(), state.leadership.is_leader()) {
        Ok(text) => (StatusCode::OK, text),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()),
    }
}
