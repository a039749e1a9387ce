//! Trying the targets of a plan in order, until one answers.

use super::leg::{Request, may_go_on, try_target};
use super::resume::Resume;
use super::tries::Tries;
use super::{AnswerBody, Router};
use crate::account::Record;
use crate::error::Rejection;
use crate::route::Plan;
use crate::snapshot::BackendIndex;
use crate::upstream::{Answer, Outgoing, answer_headers};
use http::{HeaderName, HeaderValue, Response};
use tokio::time::Instant;

/// Names the backend that answered.
const BACKEND: HeaderName = HeaderName::from_static("x-flotilla-backend");
/// Holds the decision, for requests that ask for it.
const DECISION: HeaderName = HeaderName::from_static("x-flotilla-decision");

/// Sends a planned request and answers the client.
pub(super) async fn dispatch(
    router: &Router,
    mut record: Box<Record>,
    plan: Plan,
    mut outgoing: Outgoing,
    explain: bool,
) -> Response<AnswerBody> {
    let policy = record.policy();
    let total = Instant::from_std(record.started()) + policy.timeouts.total;
    policy.budget.deposit(policy.budget_rules);
    let hedged = plan.hedge && outgoing.peek.stream;
    if plan.continuation && outgoing.peek.stream {
        outgoing.may_be_continued();
    }
    let well = plan.targets.len().saturating_sub(plan.resting);
    let targets = record.planned(plan);
    let mut left_alone = Vec::new();
    for (place, target) in targets.iter().enumerate() {
        let mut tries = Tries::default();
        if !record.may_try(*target) || (place >= well && !comes_back(&record, *target, &mut tries)) {
            continue;
        }
        if !may_go_on(&mut record, total) {
            break;
        }
        let request = Request { router, outgoing: &outgoing, total };
        let rest = targets.get(place + 1..).unwrap_or_default();
        // Whoever was passed over before it, who is sent to first may turn out to be slow.
        let hedged = hedged && record.attempts() == 0;
        if let Some(answer) = try_target(request, &mut record, *target, rest, hedged, &mut tries).await {
            return respond(router, record, answer, outgoing, targets, explain, total);
        }
        if tries.are_open() {
            left_alone.push((*target, tries));
        }
    }
    // All that was well has failed.
    for (target, mut tries) in left_alone {
        if !record.leaves_open(target) || !comes_back(&record, target, &mut tries) {
            continue;
        }
        if !may_go_on(&mut record, total) {
            break;
        }
        let request = Request { router, outgoing: &outgoing, total };
        if let Some(answer) = try_target(request, &mut record, target, &[], false, &mut tries).await {
            return respond(router, record, answer, outgoing, targets, explain, total);
        }
    }
    let rejection = record.rejection(outgoing.operation);
    reject(record, rejection, explain)
}

/// Whether a target that is left alone is tried now that all others have failed. Its endpoints that failed are worth it,
/// those that are out of quota are not.
fn comes_back(record: &Record, target: BackendIndex, tries: &mut Tries) -> bool {
    record.policy().backends.get(target).is_some_and(|backend| tries.come_back(backend))
}

/// The answer of a target, its body still under way.
fn respond(
    router: &Router,
    record: Box<Record>,
    answer: Answer,
    outgoing: Outgoing,
    targets: Vec<usize>,
    explain: bool,
    total: Instant,
) -> Response<AnswerBody> {
    let backend = record.backend().map(|b| b.header.clone());
    let standing = record.standing();
    let decision = explain.then(|| decision_header(&record)).flatten();
    // Of a stream events may be left out, or told besides.
    let headers = answer_headers(answer.headers, answer.reading.is_stream());
    let resume = outgoing.can_be_continued().then(|| Resume::new(router.client.clone(), outgoing, targets));
    let body = AnswerBody::relayed(answer.ready, answer.reading, answer.rest, record, resume, total);
    let mut response = Response::new(body);
    *response.status_mut() = answer.status;
    *response.headers_mut() = headers;
    if let Some(standing) = standing {
        standing.write(response.headers_mut());
    }
    set(&mut response, BACKEND, backend);
    set(&mut response, DECISION, decision);
    response
}

/// The router's own answer to a request that has a record.
pub(super) fn reject(mut record: Box<Record>, rejection: Rejection, explain: bool) -> Response<AnswerBody> {
    record.refuse(rejection.code);
    let mut response = rejection.into_response().map(AnswerBody::whole);
    if let Some(standing) = record.standing() {
        standing.write(response.headers_mut());
    }
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
