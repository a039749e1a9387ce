//! A request for an operation, up to the point where targets are tried.

use super::dispatch::dispatch;
use super::hold::{hold, in_time};
use super::{AnswerBody, Router};
use crate::access;
use crate::account::Record;
use crate::budget::{self, Estimate, Exceeded};
use crate::error::{Code, RETRY_AFTER, Rejection};
use crate::request::{self, Operation, PeekError, ReadError};
use crate::route::{self, Facts, Plan, Reason, Refusal, RefusalKind, Standing};
use crate::snapshot::{BackendIndex, Policy};
use crate::spans::Trace;
use crate::upstream::{Outgoing, unpaid};
use http::{HeaderMap, Request, Response};
use hyper::body::Incoming;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Instant;

/// Ask for the decision in the answer's headers by sending this with `1`.
const EXPLAIN: &str = "x-flotilla-explain";

/// Answers one request.
pub(super) async fn answer(
    router: &Arc<Router>,
    operation: Operation,
    mut request: Request<Incoming>,
    started: Instant,
) -> Response<AnswerBody> {
    let tracer = router.tracer.as_ref();
    let mut trace = tracer.map(|tracer| tracer.open(operation, request.headers_mut(), started));
    match prepare(router, operation, request, started, &mut trace).await {
        Ok((mut record, outgoing)) => match let_in(&mut record, &outgoing) {
            Ok(()) => decide(router, record, outgoing).await,
            Err(rejection) => super::dispatch::reject(record, rejection, false),
        },
        Err(rejection) => {
            if let Some(trace) = trace {
                trace.refused(rejection.code);
            }
            router.refuse(rejection)
        }
    }
}

/// Reads and peeks into the request and finds its policy, whose record takes the trace.
async fn prepare(
    router: &Router,
    operation: Operation,
    request: Request<Incoming>,
    started: Instant,
    trace: &mut Option<Box<Trace>>,
) -> Result<(Box<Record>, Outgoing), Rejection> {
    // One snapshot from here to the end: the record holds its policy.
    let snapshot = router.store.current().ok_or_else(not_configured)?;
    let (parts, body) = request.into_parts();
    let limits = router.limits;
    let mut held = router.buffers.hold();
    // A body that never has room is too large rather than too early.
    let most = limits.body.min(limits.buffered);
    let body = request::read(body, most, limits.body_deadline, &mut held).await.map_err(|e| unread(&e))?;
    let peek = operation.peek(&body).map_err(|error| unpeeked(&error))?;
    let served = snapshot.served(&peek.model).ok_or_else(|| model_not_found(&peek.model))?;
    let metrics = Arc::clone(&router.metrics);
    let mut record =
        Record::new(metrics, Arc::clone(&served.policy), started, peek.stream, peek.prompt_tokens);
    if let Some(trace) = trace {
        trace.asks(&peek, served.adapter.as_ref());
    }
    record.traced(trace.take());
    let headers = parts.headers;
    let session = request::session(&headers);
    let adapter = served.adapter.clone();
    let outgoing = Outgoing::new(operation, headers, body, peek, session, held).with_adapter(adapter);
    // Boxed: every future on the way to the target would keep room of its own for it.
    Ok((Box::new(record), outgoing))
}

/// Finds whose the request is, if its policy has clients, and whether it may go on.
fn let_in(record: &mut Record, outgoing: &Outgoing) -> Result<(), Rejection> {
    let policy = Arc::clone(record.policy());
    let Some(clients) = &policy.clients else {
        return Ok(());
    };
    let tokens = u64::from(outgoing.peek.prompt_tokens);
    let (admission, rejection) = access::admit(clients, &outgoing.headers, tokens, Instant::now())?;
    record.admitted(admission);
    rejection.map_or(Ok(()), Err)
}

/// Plans and dispatches.
async fn decide(router: &Arc<Router>, mut record: Box<Record>, outgoing: Outgoing) -> Response<AnswerBody> {
    let draw = record.policy().draws.next();
    match planned(&mut record, &outgoing, draw) {
        Ok(plan) => {
            let explain = explain(&outgoing);
            dispatch(router, record, plan, outgoing, explain).await
        }
        Err(refusal) => match waits_for(record.policy(), &refusal) {
            Some(wanted) => {
                record.unplanned(refusal.reasons);
                let (stream, explain) = (outgoing.peek.stream, explain(&outgoing));
                match hold(router, record, outgoing, wanted, draw) {
                    Ok(answer) => in_time(answer, stream).await,
                    Err(refused) => super::dispatch::reject(refused.0, refused.1, explain),
                }
            }
            None => turn_down(record, refusal, &outgoing),
        },
    }
}

/// The decision by the record's policy. A request that is decided on again keeps its draw.
pub(super) fn planned(record: &mut Record, outgoing: &Outgoing, draw: f64) -> Result<Plan, Refusal> {
    let policy = Arc::clone(record.policy());
    let (classes, found) = classes(&policy, &outgoing.headers, &outgoing.body, outgoing.session);
    let estimate = Estimate::of(&outgoing.peek);
    let unpaid = budget::unpaid(&policy, record.client(), estimate);
    let facts = Facts {
        prompt_tokens: outgoing.peek.longest_input,
        classes: &classes,
        adapter: outgoing.adapter.as_deref(),
        session: outgoing.session,
        unpaid: &unpaid,
    };
    let now = Instant::now();
    let standing = |target: BackendIndex| {
        policy.backends.get(target).map_or(Standing::Good, |backend| backend.standing(now))
    };
    record.classified(&classes);
    record.found(found);
    let planned = route::plan(&policy, &facts, draw, standing);
    let wanted = planned.as_ref().map_or_else(|refusal| refusal.wanted, |plan| plan.wanted);
    record.asks(wanted, outgoing.peek.max_tokens, outgoing.peek.choices);
    planned
}

/// The backend for whose first replica such a request waits, if it does.
pub(super) fn waits_for(policy: &Policy, refusal: &Refusal) -> Option<BackendIndex> {
    let wanted = refusal.wanted.filter(|_| matches!(refusal.kind, RefusalKind::NotReady { .. }))?;
    let backend = policy.backends.get(wanted)?;
    (backend.hold.is_some() && backend.endpoints.is_empty()).then_some(wanted)
}

/// Answers a request that has no target.
pub(super) fn turn_down(
    mut record: Box<Record>,
    refusal: Refusal,
    outgoing: &Outgoing,
) -> Response<AnswerBody> {
    let rejection = refused(record.policy(), &refusal, outgoing.operation);
    record.unplanned(refusal.reasons);
    super::dispatch::reject(record, rejection, explain(outgoing))
}

/// Whether the client asks for the decision in the answer's headers.
pub(super) fn explain(outgoing: &Outgoing) -> bool {
    outgoing.headers.get(EXPLAIN).is_some_and(|value| value == "1")
}

/// The classes of a request: what its header says, what is found in it, and what its session had before; with the
/// reasons of those that its header does not say.
pub(crate) fn classes(
    policy: &Policy,
    headers: &HeaderMap,
    body: &[u8],
    session: Option<u64>,
) -> (Vec<String>, Vec<Reason>) {
    let named = |class: &str| policy.named_classes.contains(class);
    let mut classes = request::data_classes(headers, &policy.class_header, named);
    let mut reasons = Vec::new();
    let found = policy.classifier.as_ref().map(|classifier| classifier.classify(body));
    for finding in found.into_iter().flatten() {
        if !classes.contains(&finding.class) {
            classes.push(finding.class.clone());
        }
        reasons.push(Reason::Found(finding));
    }
    if let Some(session) = session {
        let before = policy.sticky.join(session, &mut classes, |class| policy.keeps(class));
        reasons.extend(before.into_iter().map(Reason::SessionClass));
    }
    (classes, reasons)
}

pub(crate) fn not_configured() -> Rejection {
    Rejection::new(Code::NotConfigured, "the router has no config yet").retry_after(RETRY_AFTER)
}

pub(crate) fn model_not_found(model: &str) -> Rejection {
    let message = format!("the model {model:?} does not exist: GET /v1/models lists those that do");
    Rejection::new(Code::ModelNotFound, message).param("model")
}

pub(super) fn unread(error: &ReadError) -> Rejection {
    let code = match error {
        ReadError::TooLarge(_) => Code::RequestTooLarge,
        ReadError::TooSlow(_) => Code::RequestTimeout,
        ReadError::Broken => Code::InvalidRequest,
        ReadError::NoRoom => Code::RouterOverloaded,
    };
    let rejection = Rejection::new(code, error.to_string());
    if code == Code::RouterOverloaded { rejection.retry_after(RETRY_AFTER) } else { rejection }
}

pub(crate) fn unpeeked(error: &PeekError) -> Rejection {
    let message = error.to_string();
    match error {
        PeekError::Json(_) => Rejection::new(Code::InvalidJson, message),
        PeekError::Shape(_) => Rejection::new(Code::InvalidRequest, message),
        PeekError::NoModel => Rejection::new(Code::MissingParameter, message).param("model"),
    }
}

pub(crate) fn refused(policy: &Policy, refusal: &Refusal, operation: Operation) -> Rejection {
    match refusal.kind {
        RefusalKind::DataBoundary => Rejection::new(
            Code::DataBoundary,
            "the request's data must stay in the cluster, and no backend of this policy is there",
        ),
        RefusalKind::NoAdapter => Rejection::new(
            Code::ModelNotFound,
            "no backend that this request may go to has the adapter that its model names",
        )
        .param("model"),
        RefusalKind::NotReady { in_cluster_only } => {
            let message = if in_cluster_only {
                "the request's data must stay in the cluster, and no backend there is ready"
            } else {
                "no backend is ready"
            };
            Rejection::new(Code::NoBackendReady, message).retry_after(RETRY_AFTER)
        }
        RefusalKind::Unpaid(budget) => match policy.budgets.get(budget) {
            Some(budget) => unpaid(&Exceeded::of(budget, Timestamp::now().as_second())),
            None => Rejection::new(Code::InsufficientQuota, "a budget of this policy is spent"),
        },
        RefusalKind::TooLong { largest, prompt_tokens } => Rejection::new(
            Code::ContextLengthExceeded,
            format!(
                "the prompt has about {prompt_tokens} tokens, and the largest context window is {largest}"
            ),
        )
        .param(operation.input()),
    }
}
