//! What is counted when something goes wrong. These are looked up when they happen, which is seldom: a backend that
//! never fails costs `/metrics` nothing.

use crate::upstream::Failure;
use prometheus::{IntCounterVec, Opts, Registry};

/// What the router did about a failure.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// An attempt beyond the first of its request, at this backend.
    Retry,
    /// A failure of this backend was final, since the retry budget was spent.
    RetryDenied,
    /// An endpoint of this backend is left alone for a while.
    Ejection,
    /// A second leg, sent to this backend since the first was slow.
    Hedge,
    /// A stream that broke off was continued by this backend.
    Continuation,
    /// A request meant for this backend went outside, since its model could not take it.
    Spill,
}

/// Name and help, in the order of [`Event`].
const EVENTS: [(&str, &str); 6] = [
    ("retries_total", "Attempts beyond the first of their request, by the backend they went to."),
    ("retries_denied_total", "Failures that were final, since the retry budget was spent."),
    ("ejections_total", "Times that an endpoint of a backend was left alone after failures."),
    ("hedges_total", "Second legs of slow requests, by the backend they went to."),
    ("continuations_total", "Streams that broke off and went on, by the backend that went on."),
    ("spills_total", "Requests that went outside, by the fleet backend whose model could not take them."),
];

/// Counters of failures and of what was done about them.
#[derive(Debug)]
pub struct Faults {
    failures: IntCounterVec,
    events: [IntCounterVec; EVENTS.len()],
}

impl Faults {
    pub(super) fn new(registry: &Registry) -> Result<Self, prometheus::Error> {
        let vec = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok::<_, prometheus::Error>(vec)
        };
        let [retries, denied, ejections, hedges, continuations, spills] =
            EVENTS.map(|(name, help)| vec(name, help, &["policy", "backend"]));
        Ok(Self {
            failures: vec(
                "attempts_failed_total",
                "Attempts that failed before their first content, by cause.",
                &["policy", "backend", "cause"],
            )?,
            events: [retries?, denied?, ejections?, hedges?, continuations?, spills?],
        })
    }

    /// An attempt failed.
    pub(crate) fn failure(&self, policy: &str, backend: &str, failure: &Failure) {
        if let Ok(counter) = self.failures.get_metric_with_label_values(&[policy, backend, failure.cause()]) {
            counter.inc();
        }
    }

    /// Something was done about it.
    pub(crate) fn event(&self, event: Event, policy: &str, backend: &str) {
        let vec = self.events.get(event as usize);
        if let Some(Ok(counter)) = vec.map(|v| v.get_metric_with_label_values(&[policy, backend])) {
            counter.inc();
        }
    }

    /// Forgets a backend that is no more.
    pub(super) fn remove(&self, policy: &str, backend: &str) {
        // Removing what is not there is an error we do not mind.
        for cause in Failure::CAUSES {
            drop(self.failures.remove_label_values(&[policy, backend, cause]));
        }
        self.events.iter().for_each(|v| drop(v.remove_label_values(&[policy, backend])));
    }
}
