//! Accepting connections, and letting them end in peace.

use super::clients::Clients;
use super::deadline::WriteDeadline;
use super::{AnswerBody, Router};
use crate::error::{Code, RETRY_AFTER, Rejection};
use http::{HeaderValue, Request, Response, header};
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::future::Future;
use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// Bounds on connections.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Connections open at once; more wait in the kernel's queue.
    pub connections: usize,
    /// Of these, connections of one client address.
    pub connections_per_client: usize,
    /// Bytes of a request's line and headers.
    pub header_bytes: usize,
    /// Until a request's headers must have come; also how long an idle connection is kept.
    pub header_deadline: Duration,
    /// How long a client may take no bytes of its answer.
    pub write_deadline: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: 8192,
            // One client leaves room for others; an application beside its router has all it needs.
            connections_per_client: 4096,
            header_bytes: 64 * 1024,
            header_deadline: Duration::from_mins(2),
            // As long as a target may be silent between two pieces, unless the policy says something else.
            write_deadline: Duration::from_mins(1),
        }
    }
}

/// How long a client that is turned away has to hear it.
const REFUSAL_DEADLINE: Duration = Duration::from_secs(5);
/// Connections that are turned away at the same time and still get to hear it. They are no part of
/// [`Limits::connections`], which one client that is turned away could take up otherwise; further ones are closed.
const REFUSALS: usize = 64;

/// How long to wait after `accept` fails, usually for want of file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// When a listener ends.
#[derive(Debug, Clone)]
pub struct Stop {
    /// No connection is accepted any more, and those there are end with their current answer.
    pub accepting: CancellationToken,
    /// Answers under way are cut.
    pub answering: CancellationToken,
}

impl From<CancellationToken> for Stop {
    /// Answers under way are never cut.
    fn from(accepting: CancellationToken) -> Self {
        Self { accepting, answering: CancellationToken::new() }
    }
}

/// Serves until it is stopped, then waits until every connection has answered what it was asked, or was cut.
///
/// Dropping the future cuts them, too.
pub async fn serve<F, S>(
    router: Arc<Router>,
    listener: TcpListener,
    limits: Limits,
    service: S,
    stop: impl Into<Stop>,
) where
    S: Fn(Arc<Router>, Request<Incoming>) -> F + Clone + Send + Sync + 'static,
    F: Future<Output = Response<AnswerBody>> + Send + 'static,
{
    let slots = Arc::new(Semaphore::new(limits.connections));
    let refusals = Arc::new(Semaphore::new(REFUSALS));
    let clients = Clients::new(limits.connections_per_client);
    let tasks = TaskTracker::new();
    let Stop { accepting: stop, answering } = stop.into();
    let cut = answering.child_token();
    let _cut = cut.clone().drop_guard();
    loop {
        let accepted = tokio::select! {
            () = stop.cancelled() => break,
            accepted = accept(&listener, &slots) => accepted,
        };
        let Some((stream, client, slot)) = accepted else {
            tokio::time::sleep(ACCEPT_PAUSE).await;
            continue;
        };
        // Without this, every small event of a stream waits for the delayed ACK of the one before: 40 ms.
        if let Err(error) = stream.set_nodelay(true) {
            tracing::debug!(%error, "TCP_NODELAY was not set");
        }
        let (router, service, stop, cut) = (Arc::clone(&router), service.clone(), stop.clone(), cut.clone());
        let connected = clients.enter(client);
        let slot = match connected {
            Some(_) => slot,
            None => match Arc::clone(&refusals).try_acquire_owned() {
                Ok(refusal) => refusal,
                Err(_) => continue,
            },
        };
        tasks.spawn(async move {
            router.metrics.connections.inc();
            let serving = async {
                match connected {
                    Some(_connected) => connection(&router, stream, limits, service, stop).await,
                    None => turn_away(&router, stream, limits).await,
                }
            };
            tokio::select! {
                () = serving => {}
                () = cut.cancelled() => {}
            }
            router.metrics.connections.dec();
            drop(slot);
        });
    }
    drop(listener);
    tasks.close();
    tasks.wait().await;
}

async fn accept(
    listener: &TcpListener,
    slots: &Arc<Semaphore>,
) -> Option<(TcpStream, IpAddr, tokio::sync::OwnedSemaphorePermit)> {
    let slot = Arc::clone(slots).acquire_owned().await.ok()?;
    match listener.accept().await {
        Ok((stream, address)) => Some((stream, address.ip(), slot)),
        Err(error) => {
            tracing::warn!(%error, "a connection was not accepted");
            None
        }
    }
}

/// Tells a client that it has too many connections, and closes this one.
async fn turn_away(router: &Router, stream: TcpStream, limits: Limits) {
    let answer = service_fn(|_: Request<Incoming>| {
        let message = format!(
            "this client has {} connections open, the most there may be: close some, or wait",
            limits.connections_per_client
        );
        let rejection = Rejection::new(Code::TooManyStreams, message).retry_after(RETRY_AFTER);
        let response = router.refuse(rejection);
        async move { Ok::<_, Infallible>(response) }
    });
    let connection = http1::Builder::new()
        .keep_alive(false)
        .max_buf_size(limits.header_bytes)
        .serve_connection(TokioIo::new(stream), answer);
    // Whether the client reads it is its own affair.
    drop(tokio::time::timeout(REFUSAL_DEADLINE, connection).await);
}

/// One connection, to its end; after `stop`, to the end of its current request.
async fn connection<F, S>(
    router: &Arc<Router>,
    stream: TcpStream,
    limits: Limits,
    service: S,
    stop: CancellationToken,
) where
    S: Fn(Arc<Router>, Request<Incoming>) -> F,
    F: Future<Output = Response<AnswerBody>>,
{
    let answer = service_fn(move |request| {
        // Boxed: the connection would keep the room for it between requests, and while an answer streams.
        let answering = Box::pin(service(Arc::clone(router), request));
        async move {
            let mut response = answering.await;
            if router.is_draining() {
                // Its next request on this connection could meet the end of it.
                response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
            }
            Ok::<_, Infallible>(response)
        }
    });
    let connection = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.header_deadline)
        .max_buf_size(limits.header_bytes)
        .serve_connection(TokioIo::new(WriteDeadline::new(stream, limits.write_deadline)), answer);
    let mut connection = std::pin::pin!(connection);
    let result = tokio::select! {
        result = connection.as_mut() => result,
        () = stop.cancelled() => {
            connection.as_mut().graceful_shutdown();
            connection.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended early");
    }
}
