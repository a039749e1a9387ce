//! The record of one request: the one place where it is settled.
//!
//! A [`Record`] travels with the request and then with its answer's body. Whatever ends it — the last byte, a
//! broken upstream, a deadline, a client that leaves — drops the record, and dropping it counts and logs.

mod answer;
mod asked;
mod decision;
mod settle;
mod span;
mod words;

use super::attempt::{Attempt, Bill, Outcome};
use super::{Asked, Event, Metrics, Tokens};
use crate::access::{self, Admission};
use crate::budget::Reservation;
use crate::error::{Code, Rejection};
use crate::request::Operation;
use crate::route::{Onward, Plan, Reason, Standing};
use crate::snapshot::{Backend, BackendIndex, Endpoint, Policy, Side};
use crate::spans::Trace;
use crate::upstream::{Begun, Failure, Sent, Slot};
use http::StatusCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Which of a request's attempts that run at the same time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Leg {
    /// The one there always is.
    Main,
    /// The second one, sent since the first is slow.
    Hedge,
}

/// What happened besides failures, in the order it did.
#[derive(Debug)]
enum Note {
    /// A second leg went to this backend.
    Hedged(BackendIndex),
    /// The leg at this backend was slower.
    Outrun(BackendIndex),
    /// A stream that broke off was continued by this backend.
    Continued(BackendIndex),
    /// There was no budget for another attempt.
    Denied,
}

/// Tokens of an answer nobody has seen yet: the middle of what chats have, some hundreds.
const EXPECTED_COMPLETION: u64 = 256;

/// One request, from its facts to its settlement.
#[derive(Debug)]
pub struct Record {
    metrics: Arc<Metrics>,
    policy: Arc<Policy>,
    /// Whose it is, if the policy has clients.
    admission: Option<Admission>,
    started: Instant,
    streamed: bool,
    prompt_estimate: u32,
    /// Choices of its answer.
    choices: u32,
    rule: Option<usize>,
    targets: Vec<BackendIndex>,
    reasons: Vec<Reason>,
    failed: Vec<(BackendIndex, Failure)>,
    notes: Vec<Note>,
    attempts: u32,
    attempt: Option<Attempt>,
    hedge: Option<Attempt>,
    /// Of attempts that are over.
    bill: Bill,
    /// What the client got.
    status: Option<StatusCode>,
    /// How long it took until its first content, whatever went on after that.
    first_byte: Option<Duration>,
    /// How the last attempt ended that is over.
    outcome: Option<Outcome>,
    refused: Option<Code>,
    /// What it is of the demand for fleet backends, once it was planned.
    asked: Option<Asked>,
    /// Its spans, if there are any.
    trace: Option<Box<Trace>>,
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
            admission: None,
            started,
            streamed,
            prompt_estimate,
            choices: 1,
            rule: None,
            targets: Vec::new(),
            reasons: Vec::new(),
            failed: Vec::new(),
            notes: Vec::new(),
            attempts: 0,
            attempt: None,
            hedge: None,
            bill: Bill::default(),
            status: None,
            first_byte: None,
            outcome: None,
            refused: None,
            asked: None,
            trace: None,
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

    /// It is this client's.
    pub fn admitted(&mut self, admission: Admission) {
        self.admission = Some(admission);
    }

    /// Its client's name.
    pub fn client(&self) -> Option<&str> {
        self.admission.as_ref().map(|admission| admission.client.name.as_str())
    }

    /// What its client has left.
    pub fn standing(&self) -> Option<access::Standing> {
        self.admission.as_ref().map(|admission| admission.standing)
    }

    /// What gives the request classes besides its header.
    pub fn found(&mut self, reasons: Vec<Reason>) {
        self.reasons = reasons;
    }

    /// Takes over a plan and gives back its targets.
    pub fn planned(&mut self, plan: Plan) -> Vec<BackendIndex> {
        self.rule = plan.rule;
        if let Some(meant) = plan.wanted.filter(|_| plan.spills) {
            self.count(Event::Spill, meant);
        }
        self.reasons.extend(plan.reasons);
        self.targets.clone_from(&plan.targets);
        plan.targets
    }

    /// There is no plan; these are the reasons.
    pub fn unplanned(&mut self, reasons: Vec<Reason>) {
        self.reasons.extend(reasons);
    }

    /// The router answers by itself, with this error.
    pub fn refuse(&mut self, code: Code) {
        self.refused = Some(code);
    }

    /// An attempt begins; gives what it takes along.
    pub fn begin(
        &mut self,
        leg: Leg,
        target: BackendIndex,
        endpoint: &Endpoint,
        slot: Option<Arc<Slot>>,
        reservation: Option<Reservation>,
    ) -> Begun {
        let now = Instant::now();
        let (span, trace) = self.begin_span(leg, target, endpoint, now);
        match leg {
            Leg::Main if self.attempts > 0 => self.count(Event::Retry, target),
            Leg::Main => {}
            Leg::Hedge => {
                self.count(Event::Hedge, target);
                self.notes.push(Note::Hedged(target));
            }
        }
        self.attempts += 1;
        if leg == Leg::Main {
            self.goes_to(target);
        }
        let sent = Sent::default();
        let probe = endpoint.health.begin(now, self.policy.timeouts.first_token);
        *self.leg(leg) = Some(Attempt {
            backend: target,
            _in_flight: endpoint.load.start(u64::from(self.prompt_estimate) + EXPECTED_COMPLETION),
            slot,
            reservation,
            health: Arc::clone(&endpoint.health),
            _probe: probe,
            begun: now,
            sent: sent.clone(),
            status: None,
            first_byte: None,
            continues: false,
            tokens: None,
            pieces: 0,
            // Until something else is known: a record dropped in the middle is a client that left.
            outcome: Outcome::ClientGone,
            span,
        });
        let Policy { timeouts, failover_on_auth, .. } = &*self.policy;
        Begun { trace, sent, idle: timeouts.idle, failover_on_auth: *failover_on_auth }
    }

    fn leg(&mut self, leg: Leg) -> &mut Option<Attempt> {
        match leg {
            Leg::Main => &mut self.attempt,
            Leg::Hedge => &mut self.hedge,
        }
    }

    /// An attempt failed before its first content. If the other leg is still at work, it is the main one from now on.
    pub fn failed(&mut self, leg: Leg, failure: Failure) {
        if let Some(mut attempt) = self.leg(leg).take() {
            let span = attempt.span.take();
            if let Some(backend) = self.policy.backends.get(attempt.backend) {
                backend.counters.requests.inc();
                backend.counters.failed.inc();
                self.metrics.failure(&self.policy.name, &backend.name, &failure);
                if failure.is_paid_for() {
                    let bill = Bill::of_prompt(backend, self.prompt_estimate);
                    self.bill.add(bill);
                    if let Some(reservation) = attempt.reservation.take() {
                        reservation.settle(bill.tokens);
                    }
                }
            }
            // A request whose own time is over says nothing about its endpoint, but for one that hangs.
            let late = matches!(failure, Failure::Timeout | Failure::Connect) && self.is_late();
            let blamed = !late || (failure == Failure::Timeout && self.hangs(&attempt));
            let (blame, rules) = (failure.blame(self.policy.failover_on_auth), &self.policy.ejection);
            if blamed && attempt.health.failed(Instant::now(), attempt.begun, blame, rules) {
                self.count(Event::Ejection, attempt.backend);
            }
            self.end_failed_span(span, attempt.backend, &failure);
            self.failed.push((attempt.backend, failure));
        }
        if leg == Leg::Main {
            self.attempt = self.hedge.take();
            self.goes_to_its_leg();
        }
    }

    /// Whether the request's deadline has passed. By the runtime's clock, which its timers go by.
    fn is_late(&self) -> bool {
        let total = tokio::time::Instant::from_std(self.started) + self.policy.timeouts.total;
        tokio::time::Instant::now() >= total
    }

    /// Whether an endpoint hangs that has said nothing of an answer in one piece, for all that is known: it had most of
    /// the request's time, and another one of its target is well and has answered meanwhile.
    fn hangs(&self, attempt: &Attempt) -> bool {
        let Some(backend) = self.policy.backends.get(attempt.backend).filter(|_| !self.streamed) else {
            return false;
        };
        let now = Instant::now();
        let others =
            backend.endpoints.iter().filter(|endpoint| !Arc::ptr_eq(&endpoint.health, &attempt.health));
        let mut well = others.filter(|endpoint| endpoint.health.standing(now) == Standing::Good);
        attempt.had_most(self.started, self.policy.timeouts.total)
            && well.any(|endpoint| endpoint.health.has_worked_since(attempt.begun))
    }

    /// This leg was faster: the other one is called off, and counted, since its target was at work.
    pub fn won(&mut self, leg: Leg) {
        if leg == Leg::Hedge {
            std::mem::swap(&mut self.attempt, &mut self.hedge);
            self.goes_to_its_leg();
        }
        if let Some(mut loser) = self.hedge.take() {
            loser.outcome = Outcome::Outrun;
            self.notes.push(Note::Outrun(loser.backend));
            if let Some(backend) = self.policy.backends.get(loser.backend) {
                backend.pace.record_at_least(loser.begun.elapsed());
            }
            self.close(&mut loser);
        }
    }

    /// A target was left out without an attempt.
    pub fn passed_over(&mut self, target: BackendIndex, failure: Failure) {
        if let Some(backend) = self.policy.backends.get(target) {
            self.metrics.failure(&self.policy.name, &backend.name, &failure);
        }
        self.failed.push((target, failure));
    }

    /// Attempts so far.
    pub fn attempts(&self) -> u32 {
        self.attempts
    }

    /// The last failure.
    pub fn last_failure(&self) -> Option<&Failure> {
        self.failed.last().map(|(_, failure)| failure)
    }

    /// Whether the prompt did not fit where it was sent last.
    pub fn did_not_fit(&self) -> bool {
        let sent =
            self.failed.iter().rev().map(|(_, failure)| failure).find(|failure| !failure.passes_over());
        matches!(sent, Some(Failure::ContextOverflow(_)))
    }

    /// What to answer when no target did: why the last one failed. A client that changed its request would be misled
    /// where a target failed that may well take it as it is.
    pub fn rejection(&self, operation: Operation) -> Rejection {
        let last = self.failed.last();
        let transient = || self.failed.iter().rfind(|(_, failure)| failure.is_transient());
        let told = match last {
            Some((_, failure)) if failure.is_of_request() => transient().or(last),
            _ => last,
        };
        match told {
            Some((backend, failure)) => failure.rejection(self.name(*backend), operation),
            None if self.is_late() => {
                Rejection::new(Code::UpstreamTimeout, "the request's time was over before it could be sent")
            }
            // A plan is never empty, so there was an attempt.
            None => Failure::Connect.rejection("(none)", operation),
        }
    }

    /// Whether a target may still be tried after the failures so far.
    pub fn may_try(&self, target: BackendIndex) -> bool {
        !self.failed.iter().any(|(failed, _)| *failed == target) && self.leaves_open(target)
    }

    /// Whether the failures so far leave a target open, its own as well as others'.
    pub fn leaves_open(&self, target: BackendIndex) -> bool {
        let window = |target: BackendIndex| self.policy.backends.get(target).and_then(|b| b.context_window);
        let side = self.policy.backends.get(target).map_or(Side::External, |backend| backend.side);
        let mut onward = Onward::default();
        for (failed, failure) in &self.failed {
            onward.after(failure, window(*failed), self.policy.failover_on_auth);
        }
        onward.allows(side, window(target))
    }

    /// Whether there was no budget for another attempt.
    pub fn is_denied(&self) -> bool {
        self.notes.iter().any(|note| matches!(note, Note::Denied))
    }

    /// The last failure is final: there is no budget for another attempt.
    pub fn denied(&mut self) {
        self.notes.push(Note::Denied);
        if let Some((backend, _)) = self.failed.last() {
            self.count(Event::RetryDenied, *backend);
        }
    }

    fn count(&self, event: Event, backend: BackendIndex) {
        if let Some(backend) = self.policy.backends.get(backend) {
            self.metrics.event(event, &self.policy.name, &backend.name);
        }
    }

    /// The target that answers.
    pub fn target(&self) -> Option<BackendIndex> {
        self.attempt.as_ref().map(|attempt| attempt.backend)
    }

    /// The place that it has at its target's gate.
    pub fn slot(&self) -> Option<Arc<Slot>> {
        self.attempt.as_ref()?.slot.clone()
    }

    /// Whether the answer comes from this endpoint.
    pub fn is_at(&self, endpoint: &Endpoint) -> bool {
        self.attempt.as_ref().is_some_and(|attempt| Arc::ptr_eq(&attempt.health, &endpoint.health))
    }

    /// The backend that answers.
    pub fn backend(&self) -> Option<&Arc<Backend>> {
        self.policy.backends.get(self.attempt.as_ref()?.backend)
    }
}
