//! A connection that knows whether it has answered before.
//!
//! llama-server closes its connection after every streamed answer although it promised to keep it. A request that
//! was sent on it just then gets nothing back, which says nothing about the server: it is sent again.

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::client::legacy::Error;
use hyper_util::client::legacy::connect::{Connected, Connection};
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll};

/// Whether a connection has answered before; the same value for all requests on it.
#[derive(Debug, Clone, Default)]
pub struct Answered(Arc<AtomicBool>);

impl Answered {
    /// Remembers that the connection this response came on works.
    pub(super) fn mark<B>(response: &http::Response<B>) {
        if let Some(answered) = response.extensions().get::<Self>() {
            answered.0.store(true, Ordering::Relaxed);
        }
    }

    /// Whether the request was lost because the server had closed a connection that had answered before.
    pub(super) fn was_stale(error: &Error) -> bool {
        let mut extensions = http::Extensions::new();
        if let Some(info) = error.connect_info() {
            info.get_extras(&mut extensions);
        }
        let reused = extensions.get::<Self>().is_some_and(|answered| answered.0.load(Ordering::Relaxed));
        reused && closed_unanswered(error)
    }
}

fn closed_unanswered(error: &Error) -> bool {
    let mut cause: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = cause {
        if error.downcast_ref::<hyper::Error>().is_some_and(hyper::Error::is_incomplete_message) {
            return true;
        }
        if let Some(io) = error.downcast_ref::<io::Error>() {
            // The last is the end of a TLS connection without the word for it, and many servers leave that out.
            let closed =
                [io::ErrorKind::ConnectionReset, io::ErrorKind::BrokenPipe, io::ErrorKind::UnexpectedEof];
            return closed.contains(&io.kind());
        }
        cause = error.source();
    }
    false
}

/// A connection with its [`Answered`].
#[derive(Debug)]
pub struct Tracked<T> {
    inner: T,
    answered: Answered,
}

impl<T> Tracked<T> {
    /// A fresh connection.
    pub(super) fn new(inner: T) -> Self {
        Self { inner, answered: Answered::default() }
    }
}

impl<T: Connection> Connection for Tracked<T> {
    fn connected(&self) -> Connected {
        self.inner.connected().extra(self.answered.clone())
    }
}

impl<T: Read + Unpin> Read for Tracked<T> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_read(cx, buffer)
    }
}

impl<T: Write + Unpin> Write for Tracked<T> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.inner).poll_shutdown(cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.inner.is_write_vectored()
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.inner).poll_write_vectored(cx, slices)
    }
}
