//! One stream, from hello to its end.

use super::connect::{Endpoint, Stream};
use super::lines::Lines;
use super::{Backoff, StreamError};
use crate::account::{Metrics, report};
use crate::snapshot::Store;
use bytes::Bytes;
use flotilla_crds::router_config::{BackendUsage, OperatorMessage, RouterMessage};
use futures::SinkExt;
use futures::channel::mpsc;
use hyper::body::Frame;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};

/// The operator pings every 10 s: three missed pings are a dead stream.
const SILENCE: Duration = Duration::from_secs(30);
/// Usage goes up at most this often.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Until a message must be on its way.
const SEND_DEADLINE: Duration = Duration::from_secs(10);

/// Opens a stream and serves it until it ends; returns why.
pub(super) async fn run(
    endpoint: &Endpoint,
    store: &Store,
    metrics: &Metrics,
    backoff: &mut Backoff,
) -> StreamError {
    let stream = match endpoint.open().await {
        Ok(stream) => stream,
        Err(error) => return error,
    };
    metrics.stream_connected.set(1);
    tracing::info!("stream to the operator is up");
    let mut session = Session { up: stream.up.clone(), store, metrics, reported: Vec::new() };
    match session.serve(stream, backoff).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

struct Session<'a> {
    up: mpsc::Sender<Result<Frame<Bytes>, Infallible>>,
    store: &'a Store,
    metrics: &'a Metrics,
    reported: Vec<BackendUsage>,
}

impl Session<'_> {
    async fn serve(&mut self, stream: Stream, backoff: &mut Backoff) -> Result<Infallible, StreamError> {
        // The connection lives as long as this binding.
        let Stream { down, up: _up, connection: _connection } = stream;
        self.send(&RouterMessage::Hello {
            router_version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: self.store.current().map(|s| s.revision.clone()).unwrap_or_default(),
        })
        .await?;
        let mut lines = Lines::new(down);
        let mut reports = interval(REPORT_EVERY);
        reports.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut silent_at = Instant::now() + SILENCE;
        loop {
            tokio::select! {
                line = timeout_at(silent_at, lines.next()) => {
                    let line = line.map_err(|_| StreamError::Silent(SILENCE))??;
                    silent_at = Instant::now() + SILENCE;
                    // It talks to us: what comes next is a new failure, not the same one again.
                    backoff.reset();
                    self.take(&line).await?;
                }
                _ = reports.tick() => self.report().await?,
            }
        }
    }

    async fn take(&mut self, line: &[u8]) -> Result<(), StreamError> {
        let message = serde_json::from_slice(line).map_err(|error| StreamError::Message(error.column()))?;
        match message {
            OperatorMessage::Ping => self.metrics.config_confirmed(),
            OperatorMessage::Config { config } => {
                let revision = config.revision.clone();
                let answer = match self.store.apply(&config) {
                    Ok(applied) => {
                        tracing::info!(
                            revision,
                            policies = applied.policies,
                            models = applied.models,
                            "config in force"
                        );
                        RouterMessage::Ack { revision }
                    }
                    Err(error) => {
                        tracing::error!(revision, %error, "config refused, the one before stays in force");
                        RouterMessage::Refuse { revision, message: error.to_string() }
                    }
                };
                self.send(&answer).await?;
            }
        }
        Ok(())
    }

    /// Sends the usage if it changed.
    async fn report(&mut self) -> Result<(), StreamError> {
        let Some(snapshot) = self.store.current() else {
            return Ok(());
        };
        let backends = report(&snapshot);
        if backends == self.reported {
            return Ok(());
        }
        self.reported.clone_from(&backends);
        self.send(&RouterMessage::Usage { backends }).await
    }

    async fn send(&mut self, message: &RouterMessage) -> Result<(), StreamError> {
        // Plain structs with string keys: serialising them into memory cannot fail.
        let mut line = serde_json::to_vec(message).unwrap_or_default();
        line.push(b'\n');
        let sent = self.up.send(Ok(Frame::data(line.into())));
        match timeout(SEND_DEADLINE, sent).await {
            Ok(Ok(())) => Ok(()),
            Ok(Err(_)) => Err(StreamError::Ended),
            Err(_) => Err(StreamError::Deadline { step: "sending a message", limit: SEND_DEADLINE }),
        }
    }
}
