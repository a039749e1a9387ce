//! Requests that wait for a replica.
//!
//! A wait of less than [`HEARTBEAT`] is not seen by the client but for its time: the answer has its own status. After
//! that a client that asked for a stream gets its head and a comment, again and again, so that nothing on the way takes
//! the connection for dead; what then comes of the request is told in events.

use super::dispatch::{dispatch, reject};
use super::operation::{explain, planned, turn_down, waits_for};
use super::{AnswerBody, Router};
use crate::account::Record;
use crate::error::{Code, RETRY_AFTER, Rejection};
use crate::snapshot::{Backend, BackendIndex, HoldRules, Place, Policy};
use crate::upstream::Outgoing;
use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use http_body::{Body, Frame};
use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::{Instant, Interval, MissedTickBehavior, timeout, timeout_at};

/// Between two signs of life.
const HEARTBEAT: Duration = Duration::from_secs(10);
/// A sign of life: a comment, which clients pass over.
const COMMENT: &[u8] = b": waiting for a replica\n\n";

/// An answer that takes its time.
pub(super) type Later = Pin<Box<dyn Future<Output = Response<AnswerBody>> + Send>>;

/// Waits for a replica of `wanted`, or of another backend that may answer, if the rules of `wanted` let it; otherwise
/// gives the record back, with what to answer.
pub(super) fn hold(
    router: &Arc<Router>,
    record: Box<Record>,
    outgoing: Outgoing,
    wanted: BackendIndex,
    draw: f64,
) -> Result<Later, Box<(Box<Record>, Rejection)>> {
    let Some((backend, rules)) = holding(&record, wanted) else {
        return Err(Box::new((record, not_ready("no backend is ready", RETRY_AFTER))));
    };
    let Some(place) = backend.held.enter(rules.most) else {
        let message =
            format!("{} has no replica yet, and {} requests wait already", backend.name, rules.most);
        return Err(Box::new((record, not_ready(message, rules.start))));
    };
    let name = backend.name.clone();
    Ok(Box::pin(wait(Arc::clone(router), record, outgoing, Wait { backend: name, rules, place, draw })))
}

/// The answer, or the head of a stream that it is still to come in.
pub(super) async fn in_time(mut answer: Later, stream: bool) -> Response<AnswerBody> {
    if !stream {
        return answer.await;
    }
    match timeout(HEARTBEAT, &mut answer).await {
        Ok(response) => response,
        Err(_) => alive(answer),
    }
}

/// The backend, if requests may wait for it now.
fn holding(record: &Record, wanted: BackendIndex) -> Option<(Arc<Backend>, HoldRules)> {
    let backend = record.policy().backends.get(wanted)?;
    let rules = backend.hold.filter(|_| backend.endpoints.is_empty())?;
    Some((Arc::clone(backend), rules))
}

/// What a request waits by, to the end of its wait.
struct Wait {
    /// The backend that it was meant for.
    backend: String,
    rules: HoldRules,
    place: Place,
    draw: f64,
}

async fn wait(
    router: Arc<Router>,
    mut record: Box<Record>,
    outgoing: Outgoing,
    wait: Wait,
) -> Response<AnswerBody> {
    let Wait { backend, rules, place, draw } = wait;
    let began = Instant::from_std(record.started());
    let deadline = began + rules.patience.min(record.policy().timeouts.total);
    let mut changes = router.store.changes();
    let mut seen = Arc::clone(record.policy());
    loop {
        record.waits(true);
        let gained = gained(&router, &mut seen, &outgoing.peek.model, &mut changes);
        let Ok(policy) = timeout_at(deadline, gained).await else {
            break;
        };
        record.follows(policy);
        match planned(&mut record, &outgoing, draw) {
            Ok(plan) => {
                record.waits(false);
                drop(place);
                let explain = explain(&outgoing);
                return dispatch(&router, record, plan, outgoing, explain).await;
            }
            // What came is not for this request.
            Err(refusal) if waits_for(record.policy(), &refusal).is_some() => {
                record.unplanned(refusal.reasons);
            }
            Err(refusal) => {
                record.waits(false);
                return turn_down(record, refusal, &outgoing);
            }
        }
    }
    record.waits(false);
    let message = format!("{backend} had no replica within {} s", rules.patience.as_secs());
    reject(record, not_ready(message, rules.start), false)
}

/// The policy in force, once it has gained something since it was seen last. That may be for any of the request's
/// candidates: what the operator wakes is not always what the draw meant.
async fn gained(
    router: &Router,
    seen: &mut Arc<Policy>,
    model: &str,
    changes: &mut watch::Receiver<()>,
) -> Arc<Policy> {
    loop {
        changes.mark_unchanged();
        let snapshot = router.store.current();
        let policy = snapshot.as_ref().and_then(|snapshot| Some(&snapshot.served(model)?.policy));
        // Another policy may let in other clients.
        if let Some(policy) = policy.filter(|policy| policy.name == seen.name) {
            let before = std::mem::replace(seen, Arc::clone(policy));
            if gains(&before, policy) {
                return Arc::clone(policy);
            }
        }
        if changes.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// Whether a backend can be used now that could not be before, or what is meant for one may go elsewhere where it
/// could not go before. How much of it does not matter: what waits has no other target, so all of it may.
fn gains(before: &Policy, now: &Policy) -> bool {
    let usable = |backend: &Backend| !backend.endpoints.is_empty();
    now.backends.iter().any(|backend| {
        let was = before.backends.iter().find(|was| was.name == backend.name);
        let comes = usable(backend) && !was.is_some_and(|was| usable(was));
        let to = spills_to(now, backend);
        comes || to.is_some() && to != was.and_then(|was| spills_to(before, was))
    })
}

/// The name of the backend that what is meant for this one may go to instead.
fn spills_to<'a>(policy: &'a Policy, backend: &Backend) -> Option<&'a str> {
    Some(policy.backends.get(backend.spill?.to)?.name.as_str())
}

fn not_ready(message: impl Into<String>, again: Duration) -> Rejection {
    Rejection::new(Code::NoBackendReady, message).retry_after(again)
}

/// A stream that shows signs of life until the answer begins.
fn alive(answer: Later) -> Response<AnswerBody> {
    let mut ticks = tokio::time::interval(HEARTBEAT);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut response = Response::new(AnswerBody::Waiting(Box::new(Waiting::ForAnswer { answer, ticks })));
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream"));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    response
}

/// The body of a stream that began before its answer.
pub enum Waiting {
    /// Nothing is known yet.
    ForAnswer {
        /// What is waited for.
        answer: Later,
        /// When to show a sign of life; the first at once.
        ticks: Interval,
    },
    /// The answer is a stream, which goes on as it is.
    Stream(AnswerBody),
    /// The answer is an error: one event, of which this part was said.
    Error(AnswerBody, Said),
}

/// How much of an event was said.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Said {
    /// Nothing.
    Nothing,
    /// Its beginning.
    Begin,
    /// All.
    All,
}

impl fmt::Debug for Waiting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ForAnswer { .. } => "ForAnswer",
            Self::Stream(_) => "Stream",
            Self::Error(..) => "Error",
        })
    }
}

impl Waiting {
    /// The next piece.
    pub(super) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, super::body::BrokenOff>>> {
        loop {
            match self {
                Self::ForAnswer { answer, ticks } => match answer.as_mut().poll(cx) {
                    Poll::Ready(response) => {
                        let good = response.status() == StatusCode::OK;
                        let body = response.into_body();
                        *self = if good { Self::Stream(body) } else { Self::Error(body, Said::Nothing) };
                    }
                    Poll::Pending => {
                        ready!(ticks.poll_tick(cx));
                        return Poll::Ready(Some(Ok(Bytes::from_static(COMMENT))));
                    }
                },
                Self::Stream(body) => return poll_data(body, cx),
                Self::Error(_, said @ Said::Nothing) => {
                    *said = Said::Begin;
                    return Poll::Ready(Some(Ok(Bytes::from_static(b"data: "))));
                }
                Self::Error(body, said @ Said::Begin) => {
                    if let Some(Ok(piece)) = ready!(poll_data(body, cx)) {
                        return Poll::Ready(Some(Ok(on_one_line(&piece))));
                    }
                    // Whatever else there was to say, the event ends here.
                    *said = Said::All;
                    return Poll::Ready(Some(Ok(Bytes::from_static(b"\n\n"))));
                }
                Self::Error(_, Said::All) => return Poll::Ready(None),
            }
        }
    }
}

fn poll_data(
    body: &mut AnswerBody,
    cx: &mut Context<'_>,
) -> Poll<Option<Result<Bytes, super::body::BrokenOff>>> {
    loop {
        match ready!(Pin::new(&mut *body).poll_frame(cx)) {
            Some(Ok(frame)) => {
                if let Ok(data) = Frame::into_data(frame) {
                    return Poll::Ready(Some(Ok(data)));
                }
            }
            Some(Err(error)) => return Poll::Ready(Some(Err(error))),
            None => return Poll::Ready(None),
        }
    }
}

/// JSON has line breaks only between its tokens, where blanks do as well.
fn on_one_line(piece: &Bytes) -> Bytes {
    if piece.iter().any(|byte| matches!(byte, b'\n' | b'\r')) {
        piece.iter().map(|byte| if matches!(byte, b'\n' | b'\r') { b' ' } else { *byte }).collect()
    } else {
        piece.clone()
    }
}
