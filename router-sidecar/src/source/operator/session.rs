//! One stream, from hello to its end.

use super::connect::{Endpoint, Stream};
use super::lines::Lines;
use super::spend::Spending;
use super::{Backoff, StreamError};
use crate::account::{Metrics, demands, report};
use crate::snapshot::Store;
use bytes::Bytes;
use flotilla_crds::router_config::{BackendUsage, Feature, OperatorMessage, RouterMessage};
use futures::SinkExt;
use futures::channel::mpsc;
use hyper::body::Frame;
use std::convert::Infallible;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval, timeout, timeout_at};
use tokio_util::sync::CancellationToken;

/// The operator pings every 10 s: three missed pings are a dead stream.
const SILENCE: Duration = Duration::from_secs(30);
/// Usage goes up at most this often.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// Until a message must be on its way.
const SEND_DEADLINE: Duration = Duration::from_secs(10);
/// How long the last report may take to arrive when the router stops.
const LAST_WORDS: Duration = Duration::from_millis(500);

/// Opens a stream and serves it until it ends; returns why.
pub(super) async fn run(
    endpoint: &Endpoint,
    store: &Store,
    metrics: &Metrics,
    backoff: &mut Backoff,
    stop: &CancellationToken,
) -> StreamError {
    let opened = tokio::select! {
        () = stop.cancelled() => Err(StreamError::Stopped),
        opened = endpoint.open() => opened,
    };
    let Stream { up, down, connection: _connection } = match opened {
        Ok(stream) => stream,
        Err(error) => return error,
    };
    metrics.stream_connected.set(1);
    tracing::info!("stream to the operator is up");
    let mut session =
        Session { up, store, metrics, in_force: false, reported: Vec::new(), spending: Spending::default() };
    match session.serve(Lines::new(down), backoff, stop).await {
        Ok(never) => match never {},
        Err(error) => error,
    }
}

struct Session<'a> {
    up: mpsc::Sender<Result<Frame<Bytes>, Infallible>>,
    store: &'a Store,
    metrics: &'a Metrics,
    /// Whether the last config that this stream brought is the one in force.
    in_force: bool,
    reported: Vec<BackendUsage>,
    spending: Spending,
}

impl Session<'_> {
    async fn serve(
        &mut self,
        mut lines: Lines,
        backoff: &mut Backoff,
        stop: &CancellationToken,
    ) -> Result<Infallible, StreamError> {
        self.send(&RouterMessage::Hello {
            router_version: env!("CARGO_PKG_VERSION").to_owned(),
            revision: self.store.current().map(|s| s.revision.clone()).unwrap_or_default(),
            features: Feature::ALL.to_vec(),
        })
        .await?;
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
                _ = reports.tick() => {
                    self.report().await?;
                    self.spend(false).await?;
                }
                () = self.store.lease_need.raised() => self.spend(false).await?,
                () = stop.cancelled() => break,
            }
        }
        // What was settled since the last report, then the end of our side; the operator answers it with its own.
        self.report().await?;
        self.spend(true).await?;
        self.up.close_channel();
        let ended = timeout(LAST_WORDS, async { while lines.next().await.is_ok() {} }).await;
        tracing::debug!(confirmed = ended.is_ok(), "the stream to the operator was closed");
        Err(StreamError::Stopped)
    }

    async fn take(&mut self, line: &[u8]) -> Result<(), StreamError> {
        let message = serde_json::from_slice(line).map_err(|error| StreamError::Message(error.column()))?;
        match message {
            OperatorMessage::Ping if self.in_force => self.metrics.config_confirmed(),
            OperatorMessage::Ping => {}
            OperatorMessage::Leases { leases } => {
                if let Some(snapshot) = self.store.current() {
                    super::spend::grant(&snapshot, &leases);
                }
            }
            OperatorMessage::Config { config } => {
                let revision = config.revision.clone();
                let result = self.store.apply(&config);
                self.in_force = result.is_ok();
                let answer = match result {
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

    /// Sends what is asked, and the usage if it changed.
    async fn report(&mut self) -> Result<(), StreamError> {
        let Some(snapshot) = self.store.current() else {
            return Ok(());
        };
        let asked = demands(&snapshot);
        if !asked.is_empty() {
            self.send(&RouterMessage::Demand { backends: asked }).await?;
        }
        let backends = report(&snapshot);
        if backends == self.reported {
            return Ok(());
        }
        self.reported.clone_from(&backends);
        self.send(&RouterMessage::Usage { backends }).await
    }

    /// Says what budgets have spent and need, as far as that changed.
    async fn spend(&mut self, stopping: bool) -> Result<(), StreamError> {
        let Some(snapshot) = self.store.current() else {
            return Ok(());
        };
        for accounts in self.spending.news(&snapshot, stopping) {
            self.send(&RouterMessage::Spend { router: self.store.instance, accounts }).await?;
        }
        Ok(())
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
