//! `--operator URL`: one stream to the operator, opened again whenever it ends.

mod backoff;
mod connect;
mod error;
mod lines;
mod session;
mod spend;

pub use connect::{Endpoint, EndpointError};
use error::StreamError;

use crate::account::Metrics;
use crate::snapshot::Store;
use backoff::Backoff;
use tokio_util::sync::CancellationToken;

/// Holds a stream until `stop`; while there is none, the last good config stays in force.
pub async fn follow(endpoint: Endpoint, store: &Store, metrics: &Metrics, stop: CancellationToken) {
    let mut backoff = Backoff::default();
    loop {
        let ended = session::run(&endpoint, store, metrics, &mut backoff, &stop).await;
        metrics.stream_connected.set(0);
        if stop.is_cancelled() {
            return;
        }
        let pause = backoff.next(rand::random());
        tracing::warn!(error = %ended, retryInMs = pause.as_millis(), "no stream to the operator");
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(pause) => {}
        }
    }
}
