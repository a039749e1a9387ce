//! Connections to one address that wait for their next request.

use super::answer::AnswerPieces;
use super::connection::Connection;
use super::request::Outbox;
use super::{Head, Lost};
use crate::request::Spliced;
use crate::snapshot::Store;
use crate::upstream::client::{CONNECT_DEADLINE, IDLE_CONNECTION, IDLE_PER_HOST, STALE_WITHIN};
use http::{Request, Response};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio_util::sync::CancellationToken;

/// How often connections that have waited too long, or that were closed at the other end, are looked for.
const LOOK: Duration = Duration::from_secs(5);

/// The connections to one address; every snapshot that names it has the same ones.
#[derive(Debug)]
pub struct Pool {
    address: SocketAddr,
    /// The one used last is used next, so that those that are too many grow old.
    idle: Mutex<Vec<Idle>>,
}

#[derive(Debug)]
struct Idle {
    connection: Connection,
    since: Instant,
}

impl Idle {
    fn is_fresh(&self, now: Instant) -> bool {
        now.saturating_duration_since(self.since) < IDLE_CONNECTION && self.connection.is_quiet()
    }
}

impl Pool {
    /// No connection yet.
    pub fn new(address: SocketAddr) -> Self {
        Self { address, idle: Mutex::default() }
    }

    /// Where they lead.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// Sends a request, on a connection that waits or on a new one. One that turns out to have been closed while it
    /// waited costs nothing but the time: the request goes out again on a new connection, where what happens counts.
    ///
    /// # Errors
    /// There is no connection, or no answer on it.
    pub(in crate::upstream) async fn request(
        self: &Arc<Self>,
        request: impl Fn() -> Request<Spliced>,
    ) -> Result<Response<AnswerPieces>, Lost> {
        if let Some((mut connection, taken)) = self.take() {
            match connection.exchange(Outbox::of(request())).await {
                Ok((head, keep)) => return Ok(self.answer(connection, head, keep)),
                Err(error) if connection.was_stale() && taken.elapsed() < STALE_WITHIN => {
                    tracing::debug!(address = %self.address, %error, "a connection was closed while it waited");
                }
                Err(error) => return Err(error),
            }
        }
        let mut connection = Connection::open(self.address, CONNECT_DEADLINE).await.map_err(Lost::Connect)?;
        let (head, keep) = connection.exchange(Outbox::of(request())).await?;
        Ok(self.answer(connection, head, keep))
    }

    fn answer(self: &Arc<Self>, connection: Connection, head: Head, keep: bool) -> Response<AnswerPieces> {
        let back = keep.then(|| Arc::clone(self));
        let mut response = Response::new(AnswerPieces::new(connection, head.decoder, back));
        *response.status_mut() = head.status;
        *response.headers_mut() = head.headers;
        response
    }

    /// A connection that waits, and when that was.
    fn take(&self) -> Option<(Connection, Instant)> {
        let mut idle = self.idle.lock();
        // No clock is read where there is nothing to compare with it.
        let mut next = idle.pop()?;
        let now = Instant::now();
        while !next.is_fresh(now) {
            next = idle.pop()?;
        }
        Some((next.connection, now))
    }

    /// Takes a connection back whose answer has ended.
    pub(super) fn put(&self, mut connection: Connection) {
        // Bytes that nobody asked for would be taken for the next answer.
        if !connection.is_quiet() {
            return;
        }
        connection.rest();
        let mut idle = self.idle.lock();
        if idle.len() < IDLE_PER_HOST {
            idle.push(Idle { connection, since: Instant::now() });
        }
    }

    /// Closes connections that have waited too long or were closed at the other end.
    fn close_old(&self, now: Instant) {
        self.idle.lock().retain(|idle| idle.is_fresh(now));
    }
}

/// Closes connections that have waited too long, or that were closed at the other end, until told to stop. Those of
/// addresses that are no longer in the config are closed with its snapshot.
pub async fn close_idle(store: Arc<Store>, stop: CancellationToken) {
    loop {
        tokio::select! {
            () = stop.cancelled() => return,
            () = tokio::time::sleep(LOOK) => {}
        }
        let now = Instant::now();
        if let Some(snapshot) = store.current() {
            let backends = snapshot.policies.iter().flat_map(|policy| &policy.backends);
            let endpoints = backends.flat_map(|backend| &backend.endpoints);
            endpoints.filter_map(|endpoint| endpoint.pool.as_ref()).for_each(|pool| pool.close_old(now));
        }
    }
}
