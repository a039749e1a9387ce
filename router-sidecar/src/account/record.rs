//! The record of one request: the one place where it is settled.
//!
//! A [`Record`] travels with the request and then with its answer's body. Whatever ends it — the last byte, a
//! broken upstream, a deadline, a client that leaves — drops the record, and dropping it counts and logs.

use super::{Event, Metrics, Tokens};
use crate::error::Code;
use crate::route::{Plan, Reason};
use crate::snapshot::{Backend, BackendIndex, Endpoint, Health, InFlight, Policy};
use crate::upstream::{Failure, Slot};
use http::StatusCode;
use serde::Serialize;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How an answer ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// To its end.
    Complete,
    /// The client left before the end.
    ClientGone,
    /// The upstream broke off.
    Cut,
    /// A deadline passed in the middle.
    TimedOut,
}

impl Outcome {
    const fn name(self) -> &'static str {
        match self {
            Self::Complete => "complete",
            Self::ClientGone => "client_gone",
            Self::Cut => "cut",
            Self::TimedOut => "timed_out",
        }
    }
}

/// An attempt that is answering or was just begun.
#[derive(Debug)]
struct Attempt {
    backend: BackendIndex,
    _in_flight: InFlight,
    _slot: Option<Arc<Slot>>,
    health: Arc<Health>,
    status: Option<StatusCode>,
    first_byte: Option<Duration>,
    tokens: Option<Tokens>,
    pieces: u64,
    outcome: Outcome,
}

/// Tokens of an answer nobody has seen yet: the middle of what chats have, some hundreds.
const EXPECTED_COMPLETION: u64 = 256;

/// One request, from its facts to its settlement.
#[derive(Debug)]
pub struct Record {
    metrics: Arc<Metrics>,
    policy: Arc<Policy>,
    started: Instant,
    streamed: bool,
    prompt_estimate: u32,
    rule: Option<usize>,
    targets: Vec<BackendIndex>,
    reasons: Vec<Reason>,
    failed: Vec<(BackendIndex, Failure)>,
    denied: bool,
    attempts: u32,
    attempt: Option<Attempt>,
    refused: Option<Code>,
}

/// A decision, as `x-flotilla-decision` shows it.
#[derive(Debug, Serialize)]
struct Decision<'a> {
    policy: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    rule: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    backend: Option<&'a str>,
    targets: Vec<&'a str>,
    reasons: Vec<String>,
}

impl Record {
    /// Opens the record of a request that belongs to a policy.
    pub fn new(
        metrics: Arc<Metrics>,
        policy: Arc<Policy>,
        started: Instant,
        streamed: bool,
        prompt_estimate: u32,
    ) -> Self {
        Self {
            metrics,
            policy,
            started,
            streamed,
            prompt_estimate,
            rule: None,
            targets: Vec::new(),
            reasons: Vec::new(),
            failed: Vec::new(),
            denied: false,
            attempts: 0,
            attempt: None,
            refused: None,
        }
    }

    /// The policy that decides.
    pub fn policy(&self) -> &Arc<Policy> {
        &self.policy
    }

    /// When the request arrived.
    pub fn started(&self) -> Instant {
        self.started
    }

    /// Takes over a plan and gives back its targets.
    pub fn planned(&mut self, plan: Plan) -> Vec<BackendIndex> {
        self.rule = plan.rule;
        self.reasons = plan.reasons;
        self.targets.clone_from(&plan.targets);
        plan.targets
    }

    /// There is no plan; these are the reasons.
    pub fn unplanned(&mut self, reasons: Vec<Reason>) {
        self.reasons = reasons;
    }

    /// The router answers by itself, with this error.
    pub fn refuse(&mut self, code: Code) {
        self.refused = Some(code);
    }

    /// An attempt begins.
    pub fn begin(&mut self, backend: BackendIndex, endpoint: &Endpoint, slot: Option<Arc<Slot>>) {
        if self.attempts > 0 {
            self.count(Event::Retry, backend);
        }
        self.attempts += 1;
        endpoint.health.begin(Instant::now());
        self.attempt = Some(Attempt {
            backend,
            _in_flight: endpoint.load.start(u64::from(self.prompt_estimate) + EXPECTED_COMPLETION),
            _slot: slot,
            health: Arc::clone(&endpoint.health),
            status: None,
            first_byte: None,
            tokens: None,
            pieces: 0,
            // Until something else is known: a record dropped in the middle is a client that left.
            outcome: Outcome::ClientGone,
        });
    }

    /// The attempt failed before its first content.
    pub fn failed(&mut self, failure: Failure) {
        if let Some(attempt) = self.attempt.take() {
            if let Some(backend) = self.policy.backends.get(attempt.backend) {
                backend.counters.requests.inc();
                backend.counters.failed.inc();
                self.metrics.faults.failure(&self.policy.name, &backend.name, &failure);
            }
            if attempt.health.failed(Instant::now(), &failure, &self.policy.ejection) {
                self.count(Event::Ejection, attempt.backend);
            }
            self.failed.push((attempt.backend, failure));
        }
    }

    /// A target was left out without an attempt.
    pub fn passed_over(&mut self, target: BackendIndex, failure: Failure) {
        if let Some(backend) = self.policy.backends.get(target) {
            self.metrics.faults.failure(&self.policy.name, &backend.name, &failure);
        }
        self.failed.push((target, failure));
    }

    /// Attempts so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The last failure is final: there is no budget for another attempt.
    pub fn denied(&mut self) {
        self.denied = true;
        if let Some((backend, _)) = self.failed.last() {
            self.count(Event::RetryDenied, *backend);
        }
    }

    /// The attempt's answer begins.
    pub fn answered(&mut self, status: StatusCode) {
        let now = Instant::now();
        if let Some(attempt) = &mut self.attempt {
            attempt.status = Some(status);
            attempt.first_byte = Some(now.saturating_duration_since(self.started));
            attempt.health.answered(now);
        }
    }

    /// The answer stopped in the middle, and its endpoint is to blame.
    pub fn broke_off(&mut self) {
        if let Some(attempt) = &self.attempt
            && attempt.health.broke_off(Instant::now(), &self.policy.ejection)
        {
            self.count(Event::Ejection, attempt.backend);
        }
    }

    fn count(&self, event: Event, backend: BackendIndex) {
        if let Some(backend) = self.policy.backends.get(backend) {
            self.metrics.faults.event(event, &self.policy.name, &backend.name);
        }
    }

    /// What the answer says about its tokens, and how many pieces of text it came in.
    pub fn saw(&mut self, tokens: Option<Tokens>, pieces: u64) {
        if let Some(attempt) = &mut self.attempt {
            attempt.tokens = tokens;
            attempt.pieces = pieces;
        }
    }

    /// How the answer ended.
    pub fn ended(&mut self, outcome: Outcome) {
        if let Some(attempt) = &mut self.attempt {
            attempt.outcome = outcome;
        }
    }

    /// The backend that answers.
    pub fn backend(&self) -> Option<&Arc<Backend>> {
        self.policy.backends.get(self.attempt.as_ref()?.backend)
    }

    /// The decision so far, as JSON.
    pub fn decision(&self) -> String {
        let name = |index: &BackendIndex| self.policy.backends.get(*index).map(|b| b.name.as_str());
        let decision = Decision {
            policy: &self.policy.name,
            rule: self.rule_name(),
            backend: self.backend().map(|b| b.name.as_str()),
            targets: self.targets.iter().filter_map(name).collect(),
            reasons: self.reasons_in_words(),
        };
        // Plain strings: serialising them into memory cannot fail.
        serde_json::to_string(&decision).unwrap_or_default()
    }

    fn rule_name(&self) -> Option<&str> {
        match self.rule {
            Some(index) => self.policy.rules.get(index).map(|r| r.name.as_str()),
            None => (!self.targets.is_empty()).then_some("default"),
        }
    }

    fn reasons_in_words(&self) -> Vec<String> {
        let planned = self.reasons.iter().map(|r| r.describe(&self.policy));
        let failed = self.failed.iter().map(|(index, failure)| {
            let name = self.policy.backends.get(*index).map_or("?", |b| b.name.as_str());
            format!("{name} failed: {failure}")
        });
        let denied = self.denied.then(|| "the retry budget is spent".to_owned());
        planned.chain(failed).chain(denied).collect()
    }

    /// Counts an answered attempt.
    fn settle(&self, attempt: &Attempt, backend: &Backend) -> (Tokens, u64) {
        let counters = &backend.counters;
        counters.requests.inc();
        let error_status = attempt.status.is_some_and(|s| s.as_u16() >= 400);
        if error_status || matches!(attempt.outcome, Outcome::Cut | Outcome::TimedOut) {
            counters.failed.inc();
        }
        let tokens = match attempt.tokens {
            Some(tokens) => tokens,
            // Nothing was generated, or nothing was even asked.
            None if error_status || attempt.status.is_none() => Tokens::default(),
            None => {
                counters.estimated.inc();
                Tokens { prompt: u64::from(self.prompt_estimate), completion: attempt.pieces }
            }
        };
        let cost = backend.prices.cost(tokens.prompt, tokens.completion).0;
        counters.prompt_tokens.inc_by(tokens.prompt);
        counters.completion_tokens.inc_by(tokens.completion);
        counters.cost.inc_by(cost);
        counters.duration.observe(self.started.elapsed().as_secs_f64());
        if let Some(first_byte) = attempt.first_byte {
            counters.first_byte.observe(first_byte.as_secs_f64());
        }
        (tokens, cost)
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let attempt = self.attempt.take();
        let backend = attempt.as_ref().and_then(|a| self.policy.backends.get(a.backend));
        let (tokens, cost) = match (&attempt, backend) {
            (Some(attempt), Some(backend)) => self.settle(attempt, backend),
            _ => Default::default(),
        };
        let status = attempt.as_ref().and_then(|a| a.status).or(self.refused.map(Code::status));
        if let Some(status) = status {
            self.metrics.response(status, self.refused.map_or("", Code::name));
        }
        if !tracing::enabled!(tracing::Level::INFO) {
            return;
        }
        tracing::info!(
            policy = self.policy.name,
            rule = self.rule_name(),
            backend = backend.map(|b| b.name.as_str()),
            status = status.map(|s| s.as_u16()),
            error = self.refused.map(Code::name),
            outcome = attempt.as_ref().map(|a| a.outcome.name()),
            streamed = self.streamed,
            promptEstimate = self.prompt_estimate,
            promptTokens = tokens.prompt,
            completionTokens = tokens.completion,
            costNanoUsd = cost,
            failedAttempts = self.failed.len(),
            firstByteMs = attempt.as_ref().and_then(|a| a.first_byte).map(millis),
            durationMs = millis(self.started.elapsed()),
            reasons = self.reasons_in_words().join("; "),
            "request"
        );
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}
