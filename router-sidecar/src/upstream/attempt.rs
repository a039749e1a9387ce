//! One attempt at one endpoint: everything up to the point of no return, the first content of the answer.

use super::client::STALE_WITHIN;
use super::connection::Answered;
use super::headers::{TRACEPARENT, request_headers};
use super::http1::{Lost, Pool};
use super::{Failure, Reading, Rest, Sent, Stopped, UpstreamClient, Wire, overflow};
use crate::request::{Held, Operation, Peek, Spliced};
use crate::snapshot::{Backend, Endpoint, Side};
use crate::spans::Onward;
use crate::sse::{Before, Part, Transcript};
use bytes::{Buf, Bytes};
use http::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::client::legacy::connect::capture_connection;
use std::collections::VecDeque;
use std::future::poll_fn;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;
use tokio::time::Instant;

/// Stale connections that one attempt may meet; the next one is the last, so that a server that closes everything
/// is told from one that closed a few.
const STALE_CONNECTIONS: u32 = 3;

/// What is held back of an answer until its first content, or of a refusal until its reason is known. An answer
/// that says more before its first content is passed on as it is.
const HOLD_AT_MOST: usize = 64 * 1024;

/// How long the reason of a failure may take: another target waits for it, and it mostly comes with the status.
const REASON_DEADLINE: Duration = Duration::from_millis(500);

/// What the client sent, the same for every attempt.
#[derive(Debug)]
pub struct Outgoing {
    /// What is asked for.
    pub operation: Operation,
    /// The client's headers.
    pub headers: HeaderMap,
    /// The client's body.
    pub body: Bytes,
    /// What was seen in it.
    pub peek: Peek,
    /// The session it belongs to.
    pub session: Option<u64>,
    /// The adapter that its model's name means.
    pub adapter: Option<Arc<str>>,
    /// What a stream of it is to the client's answer.
    part: Part,
    /// Counts the body.
    pub(super) held: Held,
}

impl Outgoing {
    /// What a client sent.
    pub fn new(
        operation: Operation,
        headers: HeaderMap,
        body: Bytes,
        peek: Peek,
        session: Option<u64>,
        held: Held,
    ) -> Self {
        Self { operation, headers, body, peek, session, adapter: None, part: Part::Alone, held }
    }

    /// The same for an adapter of the model.
    #[must_use]
    pub fn with_adapter(self, adapter: Option<Arc<str>>) -> Self {
        Self { adapter, ..self }
    }

    /// From now on what the client gets is kept, so that another target can go on after it.
    pub fn may_be_continued(&mut self) {
        self.part = Part::First(Transcript::default());
    }

    /// Whether it is kept.
    pub fn can_be_continued(&self) -> bool {
        matches!(self.part, Part::First(_))
    }

    /// The request that goes on after what the client got.
    #[must_use]
    pub fn continued(self, body: Bytes, peek: Peek, before: Before) -> Self {
        Self { body, peek, part: Part::Second(before), ..self }
    }
}

/// An attempt of which the record knows.
#[derive(Debug)]
pub struct Begun {
    /// What the target is told of the request's trace.
    pub trace: Option<Onward>,
    /// Tells the record whether the request has left.
    pub sent: Sent,
    /// How long an answer may stop in its middle.
    pub idle: Duration,
    /// Whether a key that is not accepted, or is missed, leads to the next target.
    pub failover_on_auth: bool,
}

/// An answer whose first content is there.
#[derive(Debug)]
pub struct Answer {
    /// Its status.
    pub status: StatusCode,
    /// Its headers, as they came.
    pub headers: HeaderMap,
    /// What may go to the client already.
    pub ready: VecDeque<Bytes>,
    /// How the rest is read.
    pub reading: Reading,
    /// The rest; absent if that was all.
    pub rest: Option<Rest>,
}

/// Sends the request and waits for the first content, at most until the deadline.
///
/// # Errors
/// The target failed; nothing of it has gone to the client.
pub async fn attempt(
    client: &UpstreamClient,
    backend: &Backend,
    endpoint: &Endpoint,
    outgoing: &Outgoing,
    wire: &Wire,
    begun: &Begun,
    deadline: Instant,
) -> Result<Answer, Failure> {
    let answer = first_content(client, backend, endpoint, outgoing, wire, begun);
    match tokio::time::timeout_at(deadline, answer).await {
        Ok(result) => result,
        // Nobody is at work on what never left.
        Err(_) if !begun.sent.is_set() => Err(Failure::Connect),
        Err(_) => Err(Failure::Timeout),
    }
}

async fn first_content(
    client: &UpstreamClient,
    backend: &Backend,
    endpoint: &Endpoint,
    outgoing: &Outgoing,
    wire: &Wire,
    begun: &Begun,
) -> Result<Answer, Failure> {
    let response = send(client, backend, endpoint, outgoing, wire, begun).await?;
    let (mut parts, mut body) = response.into_parts();
    let is_policys = backend.key.is_some() || begun.failover_on_auth;
    if let Some(failure) = Failure::of_status(parts.status, &parts.headers, is_policys) {
        let reason = if overflow::may_be(parts.status) { reason(&mut body).await } else { None };
        return Err(reason.map_or(failure, Failure::ContextOverflow));
    }
    let hide_usage = outgoing.peek.usage_edit.is_some();
    let (part, held) = (&outgoing.part, outgoing.held.another());
    let mut reading = match &backend.dialect.translation {
        None => Reading::new(&parts, outgoing.operation, hide_usage, part, held),
        Some(translation) => Reading::foreign(translation, &mut parts, hide_usage, part, held),
    };
    reading.expect(outgoing.peek.given);
    if begun.trace.as_ref().is_some_and(|trace| trace.recorded) {
        reading.describe();
    }
    let mut ready = VecDeque::new();
    // The reason of a refusal is read before it is passed on: another target may not have it.
    let refusal = overflow::may_have(parts.status);
    let mut length = 0;
    let rest = loop {
        // What goes to the client at its end only has nobody else who looks at how long its pieces take.
        let stays = length > 0 && (refusal || reading.stays());
        // One await for both: what is kept over several of them takes room of its own in the future of every request.
        match next_piece(&mut body, stays.then_some(begun.idle)).await? {
            Some(Ok(piece)) => {
                length += piece.len();
                reading.push(piece, &mut ready);
            }
            Some(Err(_)) => return Err(Failure::Broken),
            None => {
                reading.finish(&mut ready);
                break None;
            }
        }
        let long = length > HOLD_AT_MOST && !reading.comes_whole();
        let wrong = reading.error().is_some() || reading.wrong().is_some();
        if (wrong || long || (reading.begun() && !refusal)) && !body.is_done() {
            break Some(body);
        }
    };
    if let Some(failure) = reading.wrong() {
        return Err(failure.clone());
    }
    if refusal
        && rest.is_none()
        && let Some(said) = overflow::recognise(&joined(&ready))
    {
        return Err(Failure::ContextOverflow(said));
    }
    if !reading.begun() {
        if let Some(error) = reading.error() {
            return Err(overflow::failure_of(error));
        }
        if rest.is_none() && (reading.is_stream() || reading.is_blank()) {
            return Err(Failure::Broken);
        }
    }
    Ok(Answer { status: parts.status, headers: parts.headers, ready, reading, rest })
}

/// The next piece, if it comes in time. The timer is there once it is waited for, and boxed: few answers need it.
async fn next_piece(
    body: &mut Rest,
    idle: Option<Duration>,
) -> Result<Option<Result<Bytes, Stopped>>, Failure> {
    let mut timer = None;
    poll_fn(|cx| match (body.poll_piece(cx), idle) {
        (Poll::Ready(piece), _) => Poll::Ready(Ok(piece)),
        (Poll::Pending, None) => Poll::Pending,
        (Poll::Pending, Some(idle)) => {
            let timer = timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(idle)));
            timer.as_mut().poll(cx).map(|()| Err(Failure::Broken))
        }
    })
    .await
}

/// The target's message, if a failure of it is one of the prompt, which does not fit.
async fn reason(body: &mut Rest) -> Option<String> {
    let mut said = Vec::new();
    let reading = async {
        while let Some(Ok(piece)) = body.piece().await {
            said.extend_from_slice(&piece);
            if said.len() > HOLD_AT_MOST {
                break;
            }
        }
    };
    tokio::time::timeout(REASON_DEADLINE, reading).await.ok()?;
    overflow::recognise(&said)
}

fn joined(pieces: &VecDeque<Bytes>) -> Bytes {
    match pieces.as_slices() {
        ([one], []) => one.clone(),
        _ => pieces.iter().flat_map(Buf::chunk).copied().collect(),
    }
}

async fn send(
    client: &UpstreamClient,
    backend: &Backend,
    endpoint: &Endpoint,
    outgoing: &Outgoing,
    wire: &Wire,
    begun: &Begun,
) -> Result<Response<Rest>, Failure> {
    match &endpoint.pool {
        Some(pool) => send_to_engine(pool, backend, endpoint, outgoing, wire, begun).await,
        // Boxed: the library's future is large, and most requests do without it.
        None => Box::pin(send_elsewhere(client, backend, endpoint, outgoing, wire, begun)).await,
    }
}

async fn send_to_engine(
    pool: &Arc<Pool>,
    backend: &Backend,
    endpoint: &Endpoint,
    outgoing: &Outgoing,
    wire: &Wire,
    begun: &Begun,
) -> Result<Response<Rest>, Failure> {
    let request = || {
        // It is built when there is a connection for it.
        begun.sent.set();
        build(backend, endpoint, outgoing, wire, begun.trace.as_ref())
    };
    let response = pool.request(request).await.map_err(|error| {
        tracing::debug!(backend = backend.name, %error, "attempt failed");
        if matches!(error, Lost::Connect(_)) { Failure::Connect } else { Failure::Broken }
    })?;
    Ok(response.map(Rest::Engine))
}

/// Sends the request by the library, again if it met connections that the server had closed.
async fn send_elsewhere(
    client: &UpstreamClient,
    backend: &Backend,
    endpoint: &Endpoint,
    outgoing: &Outgoing,
    wire: &Wire,
    begun: &Begun,
) -> Result<Response<Rest>, Failure> {
    let mut stale = 0;
    loop {
        let from = Instant::now();
        let mut request = build(backend, endpoint, outgoing, wire, begun.trace.as_ref());
        let mut connected = capture_connection(&mut request);
        let mut answer = pin!(client.request(request));
        let leaves = async {
            drop(connected.wait_for_connection_metadata().await);
            begun.sent.set();
        };
        let answer = tokio::select! {
            biased;
            answer = &mut answer => answer,
            () = leaves => answer.await,
        };
        match answer {
            Ok(response) => {
                // It may have come before anybody looked at the connection.
                begun.sent.set();
                Answered::mark(&response);
                return Ok(response.map(Rest::Other));
            }
            Err(error)
                if stale < STALE_CONNECTIONS
                    && from.elapsed() < STALE_WITHIN
                    && Answered::was_stale(&error) =>
            {
                stale += 1;
            }
            Err(error) => {
                tracing::debug!(backend = backend.name, %error, "attempt failed");
                return Err(if error.is_connect() { Failure::Connect } else { Failure::Broken });
            }
        }
    }
}

fn build(
    backend: &Backend,
    endpoint: &Endpoint,
    outgoing: &Outgoing,
    wire: &Wire,
    trace: Option<&Onward>,
) -> Request<Spliced> {
    let mut request = Request::new(wire.body(outgoing, backend));
    *request.method_mut() = Method::POST;
    // What an API does not have was sorted out with the wire; the address for chats would say 404 at worst.
    *request.uri_mut() = endpoint.uri(outgoing.operation).unwrap_or(&endpoint.chat).clone();
    *request.headers_mut() = request_headers(&outgoing.headers, backend);
    if let Some(trace) = trace.filter(|_| backend.side == Side::InCluster) {
        request.headers_mut().insert(TRACEPARENT, trace.traceparent.clone());
    }
    request
}
