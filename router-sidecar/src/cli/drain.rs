//! The orderly end: not ready at once, later closed to new connections, and over when the answers are.

use super::run::LAST_STEPS;
use crate::serve::{Router, Stop};
use std::io;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::task::JoinHandle;
use tokio::time::Instant;

/// What asks the process to end.
pub(super) struct Signals {
    terminate: Signal,
    interrupt: Signal,
}

impl Signals {
    /// Takes over SIGTERM and SIGINT.
    pub(super) fn new() -> io::Result<Self> {
        Ok(Self { terminate: signal(SignalKind::terminate())?, interrupt: signal(SignalKind::interrupt())? })
    }

    /// The next one.
    pub(super) async fn next(&mut self) {
        tokio::select! {
            _ = self.terminate.recv() => {}
            _ = self.interrupt.recv() => {}
        }
    }
}

/// How long the steps of a drain may take, from the signal on.
#[derive(Debug, Clone, Copy)]
pub(super) struct Drain {
    /// Until new connections are refused. Whoever sends by a list of endpoints hears of it some time after readiness
    /// is off, and what comes until then is answered.
    pub(super) delay: Duration,
    /// Until answers under way are cut.
    pub(super) deadline: Duration,
}

impl Drain {
    /// Ends the listener and waits for its answers. A second signal ends the delay, not the answers.
    pub(super) async fn run(
        self,
        router: &Router,
        signals: &mut Signals,
        stop: &Stop,
        mut listener: JoinHandle<()>,
    ) {
        let asked = Instant::now();
        let deadline = asked + self.deadline;
        router.drain();
        tracing::info!(
            delaySeconds = self.delay.as_secs(),
            timeoutSeconds = self.deadline.as_secs(),
            "draining"
        );
        tokio::select! {
            () = tokio::time::sleep_until(deadline.min(asked + self.delay)) => {}
            () = signals.next() => {}
        }
        stop.accepting.cancel();
        tracing::info!("closed to new connections");
        if tokio::time::timeout_at(deadline, &mut listener).await.is_err() {
            tracing::warn!("answers under way are cut at the drain timeout");
            stop.answering.cancel();
            // They are settled on the way.
            if tokio::time::timeout(LAST_STEPS, listener).await.is_err() {
                tracing::debug!("connections did not end in time");
            }
        }
    }
}
