//! Trying the targets of a plan in order, until one answers.

use super::{AnswerBody, Router};
use crate::account::Record;
use crate::error::Rejection;
use crate::route::{Ask, Onward, Plan, Prefix, choose};
use crate::snapshot::{Backend, BackendIndex, Policy};
use crate::upstream::{Answer, Failure, Next, Outgoing, answer_headers, attempt};
use http::{HeaderName, HeaderValue, Response};
use std::sync::Arc;
use tokio::time::Instant;

/// Names the backend that answered.
const BACKEND: HeaderName = HeaderName::from_static("x-flotilla-backend");
/// Holds the decision, for requests that ask for it.
const DECISION: HeaderName = HeaderName::from_static("x-flotilla-decision");
/// Endpoints of one backend that are tried before the next backend is.
const ENDPOINTS_PER_TARGET: usize = 2;

/// Sends a planned request and answers the client.
pub(super) async fn dispatch(
    router: &Router,
    mut record: Record,
    plan: Plan,
    outgoing: &Outgoing,
    explain: bool,
) -> Response<AnswerBody> {
    let policy = Arc::clone(record.policy());
    let total = Instant::from_std(record.started()) + policy.timeouts.total;
    policy.budget.deposit(policy.budget_rules);
    let mut onward = Onward::default();
    let mut last = None;
    for target in record.planned(plan) {
        let Some(backend) = policy.backends.get(target) else {
            continue;
        };
        if !onward.allows(backend.context_window) {
            continue;
        }
        if !may_go_on(&mut record, total) {
            break;
        }
        match try_target(router, &mut record, target, backend, outgoing, total).await {
            Ok(answer) => return respond(record, &policy, answer, outgoing, explain, total),
            Err(failure) => {
                onward.after(&failure, backend.context_window, policy.failover_on_auth);
                last = Some(failure.rejection(&backend.name));
            }
        }
    }
    // A plan is never empty, so there was an attempt.
    let rejection = last.unwrap_or_else(|| Failure::Connect.rejection("(none)"));
    reject(record, rejection, explain)
}

/// Whether time and budget are left for another attempt; the first needs neither.
fn may_go_on(record: &mut Record, total: Instant) -> bool {
    let now = Instant::now();
    if record.attempts() == 0 {
        return true;
    }
    if now >= total {
        return false;
    }
    let policy = record.policy();
    let paid = policy.budget.withdraw(policy.budget_rules, now.into_std());
    if !paid {
        record.denied();
    }
    paid
}

/// One target: an endpoint of it, and another one if that may do better.
async fn try_target(
    router: &Router,
    record: &mut Record,
    target: BackendIndex,
    backend: &Backend,
    outgoing: &Outgoing,
    total: Instant,
) -> Result<Answer, Failure> {
    let timeouts = record.policy().timeouts;
    let mut tried = Vec::new();
    let ask = ask(backend, outgoing);
    let mut result = Err(Failure::Connect);
    let mut slot = None;
    if let Some((gate, rules)) = &backend.gate {
        let Ok(entered) = gate.enter(*rules, total).await else {
            record.passed_over(target, Failure::Full);
            return Err(Failure::Full);
        };
        slot = Some(Arc::new(entered));
    }
    for _ in 0..ENDPOINTS_PER_TARGET {
        let now = Instant::now().into_std();
        let Some(chosen) = choose(&backend.endpoints, &ask, &backend.memory, &tried, router.dice.roll(), now)
        else {
            break;
        };
        if !tried.is_empty() && !may_go_on(record, total) {
            break;
        }
        let Some(endpoint) = backend.endpoints.get(chosen) else {
            break;
        };
        if backend.endpoints.len() > 1 {
            backend.memory.remember(&ask, endpoint.id);
        }
        // An answer that comes whole has no first token: only the total bounds it.
        let deadline =
            if outgoing.peek.stream { total.min(Instant::now() + timeouts.first_token) } else { total };
        record.begin(target, endpoint, slot.clone());
        result = attempt(&router.client, backend, endpoint, outgoing, deadline).await;
        match &result {
            Err(failure) => record.failed(failure.clone()),
            Ok(answer) => record.answered(answer.status),
        }
        if !matches!(&result, Err(failure) if failure.next() == Next::Any) {
            break;
        }
        tried.push(chosen);
    }
    result
}

/// What balancing over a backend's endpoints knows of the request. A single endpoint needs no balancing.
fn ask(backend: &Backend, outgoing: &Outgoing) -> Ask {
    let several = backend.endpoints.len() > 1;
    Ask {
        prompt_tokens: outgoing.peek.prompt_tokens,
        session: outgoing.session,
        prefix: if several { Prefix::of(&outgoing.body) } else { Prefix::default() },
        adapter: backend.adapter,
    }
}

/// The answer of a target, its body still under way.
fn respond(
    record: Record,
    policy: &Policy,
    answer: Answer,
    outgoing: &Outgoing,
    explain: bool,
    total: Instant,
) -> Response<AnswerBody> {
    let backend = record.backend().map(|b| b.header.clone());
    let decision = explain.then(|| decision_header(&record)).flatten();
    let hides = outgoing.peek.usage_edit.is_some();
    let headers = answer_headers(answer.headers, hides);
    let body =
        AnswerBody::relayed(answer.ready, answer.reading, answer.rest, record, policy.timeouts.idle, total);
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = headers;
    set(&mut response, BACKEND, backend);
    set(&mut response, DECISION, decision);
    response
}

/// The router's own answer to a request that has a record.
pub(super) fn reject(mut record: Record, rejection: Rejection, explain: bool) -> Response<AnswerBody> {
    record.refuse(rejection.code);
    let mut response = rejection.into_response().map(AnswerBody::whole);
    let decision = explain.then(|| decision_header(&record)).flatten();
    set(&mut response, DECISION, decision);
    response
}

/// The decision as a header; names that a header cannot hold leave it out.
fn decision_header(record: &Record) -> Option<HeaderValue> {
    HeaderValue::try_from(record.decision()).ok()
}

fn set(response: &mut Response<AnswerBody>, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        response.headers_mut().insert(name, value);
    }
}
