//! The router's metrics. Labels are policies and backends of the config in force and constants of this crate,
//! so that no client can make them grow.

use super::budgets::BudgetGauge;
use super::clients::ClientMetrics;
use super::{Event, Faults};
use crate::snapshot::Snapshot;
use crate::spans::Counters;
use crate::upstream::Failure;
use parking_lot::Mutex;
use prometheus::{
    Gauge, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, Registry,
    TextEncoder,
};
use std::collections::HashSet;
use std::time::Instant;

/// Seconds; from a cached short answer to a long generation.
const DURATION_BUCKETS: &[f64] = &[0.01, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 300.0];
/// Seconds; from 500 tokens a second to two in five. OpenTelemetry's buckets for `gen_ai.server.time_per_output_token`,
/// which begin at 100 a second, and finer ones below.
const PER_TOKEN_BUCKETS: &[f64] =
    &[0.002, 0.005, 0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5];
/// The labels of everything that is counted per backend.
const BACKEND: &[&str] = &["policy", "backend"];

/// Counters of one backend of one policy; handles into the registry, cheap to use.
#[derive(Debug, Clone)]
pub struct BackendCounters {
    /// Requests sent to it.
    pub requests: IntCounter,
    /// Of these, failed: no answer, an error status, or cut off.
    pub failed: IntCounter,
    /// Prompt tokens.
    pub prompt_tokens: IntCounter,
    /// Of these, tokens that the backend had in its cache.
    pub cached_tokens: IntCounter,
    /// Completion tokens.
    pub completion_tokens: IntCounter,
    /// Cost in nano-dollars.
    pub cost: IntCounter,
    /// Answers whose tokens were estimated, since no usage came.
    pub estimated: IntCounter,
    /// Seconds from arrival to the end of the answer.
    pub duration: Histogram,
    /// Seconds from arrival to the first byte of the answer.
    pub first_byte: Histogram,
    /// Seconds between tokens of a stream, after its first content.
    pub per_output_token: Histogram,
}

/// All metrics of one router.
#[derive(Debug)]
pub struct Metrics {
    registry: Registry,
    counters: [IntCounterVec; 7],
    histograms: [HistogramVec; 3],
    known: Mutex<HashSet<(String, String)>>,
    responses: IntCounterVec,
    /// The one of `responses` that nearly all are.
    ok: IntCounter,
    config_applied: IntCounter,
    config_refused: IntCounter,
    config_age: Gauge,
    confirmed: Mutex<Option<Instant>>,
    buffered: IntGauge,
    budgets: BudgetGauge,
    /// What clients took.
    pub(crate) clients: ClientMetrics,
    /// Failures, and what was done about them.
    faults: Faults,
    /// What became of spans.
    pub spans: Counters,
    /// Whether the stream to the operator is up.
    pub stream_connected: IntGauge,
    /// Client connections open now.
    pub connections: IntGauge,
}

impl Metrics {
    /// Registers everything in a registry of its own.
    ///
    /// # Errors
    /// Two metrics share a name, which only a change of this file can bring about.
    pub fn new() -> Result<Self, prometheus::Error> {
        let registry = Registry::new_custom(Some("flotilla_router".to_owned()), None)?;
        let counter_vec = |name: &str, help: &str, labels: &[&str]| {
            let vec = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(vec.clone()))?;
            Ok::<_, prometheus::Error>(vec)
        };
        let counter = |name: &str, help: &str| {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok::<_, prometheus::Error>(counter)
        };
        let gauge = |name: &str, help: &str| {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok::<_, prometheus::Error>(gauge)
        };
        let histogram_vec = |name: &str, help: &str, buckets: &[f64]| {
            let opts = HistogramOpts::new(name, help).buckets(buckets.to_vec());
            let vec = HistogramVec::new(opts, BACKEND)?;
            registry.register(Box::new(vec.clone()))?;
            Ok::<_, prometheus::Error>(vec)
        };
        let config_age = Gauge::new(
            "config_age_seconds",
            "Time since the source of the config last confirmed the one in force.",
        )?;
        registry.register(Box::new(config_age.clone()))?;
        let responses = counter_vec(
            "responses_total",
            "Answers to clients, by status and by the router's own error code.",
            &["status", "code"],
        )?;
        Ok(Self {
            ok: responses.get_metric_with_label_values(&["200", ""])?,
            responses,
            counters: [
                counter_vec("requests_total", "Requests sent to a backend.", BACKEND)?,
                counter_vec(
                    "failed_total",
                    "Requests that a backend did not answer well to the end.",
                    BACKEND,
                )?,
                counter_vec("prompt_tokens_total", "Prompt tokens of answered requests.", BACKEND)?,
                counter_vec(
                    "cached_tokens_total",
                    "Prompt tokens of answered requests that the backend had in its cache.",
                    BACKEND,
                )?,
                counter_vec("completion_tokens_total", "Completion tokens of answered requests.", BACKEND)?,
                counter_vec("cost_nano_usd_total", "Cost by the policy's pricing, in 10^-9 USD.", BACKEND)?,
                counter_vec(
                    "estimated_total",
                    "Answers without a usage report, counted by estimate.",
                    BACKEND,
                )?,
            ],
            histograms: [
                histogram_vec(
                    "request_duration_seconds",
                    "From a request's arrival to the end of its answer.",
                    DURATION_BUCKETS,
                )?,
                histogram_vec(
                    "first_byte_seconds",
                    "From a request's arrival to the first byte of its answer.",
                    DURATION_BUCKETS,
                )?,
                histogram_vec(
                    "time_per_output_token_seconds",
                    "Of streams that came to their end: time after the first content, by further token of a choice.",
                    PER_TOKEN_BUCKETS,
                )?,
            ],
            known: Mutex::default(),
            config_applied: counter("config_applied_total", "Configs put in force.")?,
            config_refused: counter("config_refused_total", "Configs refused as wrong.")?,
            config_age,
            confirmed: Mutex::new(None),
            buffered: gauge("buffered_bytes", "Bytes of bodies held now, of all requests together.")?,
            budgets: BudgetGauge::new(&registry)?,
            clients: ClientMetrics::new(&registry)?,
            faults: Faults::new(&registry)?,
            spans: Counters::new(&registry)?,
            stream_connected: gauge("stream_connected", "1 while the stream to the operator is up.")?,
            connections: gauge("connections", "Client connections open now.")?,
            registry,
        })
    }

    /// The counters of a backend; the same ones for as long as any config names it.
    pub(crate) fn backend(&self, policy: &str, backend: &str) -> Result<BackendCounters, prometheus::Error> {
        self.known.lock().insert((policy.to_owned(), backend.to_owned()));
        let labels = &[policy, backend];
        let [requests, failed, prompt, cached, completion, cost, estimated] = &self.counters;
        let [duration, first_byte, per_output_token] = &self.histograms;
        Ok(BackendCounters {
            requests: requests.get_metric_with_label_values(labels)?,
            failed: failed.get_metric_with_label_values(labels)?,
            prompt_tokens: prompt.get_metric_with_label_values(labels)?,
            cached_tokens: cached.get_metric_with_label_values(labels)?,
            completion_tokens: completion.get_metric_with_label_values(labels)?,
            cost: cost.get_metric_with_label_values(labels)?,
            estimated: estimated.get_metric_with_label_values(labels)?,
            duration: duration.get_metric_with_label_values(labels)?,
            first_byte: first_byte.get_metric_with_label_values(labels)?,
            per_output_token: per_output_token.get_metric_with_label_values(labels)?,
        })
    }

    /// Drops the labels of backends that a snapshot does not have.
    pub(crate) fn keep_only(&self, snapshot: &Snapshot) {
        self.clients.keep_only(snapshot);
        let kept: HashSet<(&str, &str)> = snapshot
            .policies
            .iter()
            .flat_map(|p| p.backends.iter().map(|b| (p.name.as_str(), b.name.as_str())))
            .collect();
        self.known.lock().retain(|(policy, backend)| {
            let keep = kept.contains(&(policy.as_str(), backend.as_str()));
            if !keep {
                let labels = &[policy.as_str(), backend.as_str()];
                self.faults.remove(policy, backend);
                // Removing what is not there is an error we do not mind.
                self.counters.iter().for_each(|v| drop(v.remove_label_values(labels)));
                self.histograms.iter().for_each(|v| drop(v.remove_label_values(labels)));
            }
            keep
        });
    }

    /// An attempt failed.
    pub(crate) fn failure(&self, policy: &str, backend: &str, failure: &Failure) {
        self.of_known(policy, backend, |faults| faults.failure(policy, backend, failure));
    }

    /// Something was done about a failure.
    pub(crate) fn event(&self, event: Event, policy: &str, backend: &str) {
        self.of_known(policy, backend, |faults| faults.event(event, policy, backend));
    }

    /// Counts nothing for a backend that no config names any more, which requests of the one before may still be at:
    /// nobody would remove its labels again. The lock is held until it is counted, as it is while labels are removed.
    fn of_known(&self, policy: &str, backend: &str, count: impl FnOnce(&Faults)) {
        let known = self.known.lock();
        if known.contains(&(policy.to_owned(), backend.to_owned())) {
            count(&self.faults);
        }
    }

    /// Counts an answer to a client. `code` is the router's own error code, or empty.
    pub(crate) fn response(&self, status: http::StatusCode, code: &'static str) {
        if status == http::StatusCode::OK && code.is_empty() {
            self.ok.inc();
        } else if let Ok(counter) = self.responses.get_metric_with_label_values(&[status.as_str(), code]) {
            counter.inc();
        }
    }

    pub(crate) fn config_applied(&self) {
        self.config_applied.inc();
        self.config_confirmed();
    }

    pub(crate) fn config_refused(&self) {
        self.config_refused.inc();
    }

    /// The source says that the config in force is still the right one.
    pub(crate) fn config_confirmed(&self) {
        *self.confirmed.lock() = Some(Instant::now());
    }

    /// The Prometheus text format. `buffered` is what bodies hold now, in bytes; budgets are those of the snapshot in
    /// force.
    ///
    /// # Errors
    /// A metric cannot be written, which only a change of this file can bring about.
    pub fn render(&self, buffered: usize, snapshot: Option<&Snapshot>) -> Result<String, prometheus::Error> {
        if let Some(snapshot) = snapshot {
            self.budgets.set(snapshot, jiff::Timestamp::now().as_second());
        }
        if let Some(confirmed) = *self.confirmed.lock() {
            self.config_age.set(confirmed.elapsed().as_secs_f64());
        }
        self.buffered.set(i64::try_from(buffered).unwrap_or(i64::MAX));
        TextEncoder::new().encode_to_string(&self.registry.gather())
    }
}
