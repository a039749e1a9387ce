//! A deadline for clients that stop reading.
//!
//! While a client takes no bytes, the connection asks for no more of the answer, so none of the answer's own deadlines
//! runs: this one ends the connection, and with it whatever the answer holds.

use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::time::{Instant, Sleep};

/// A connection on which a write may wait only so long for the other side. Any byte that is taken ends the wait.
#[derive(Debug)]
pub(super) struct WriteDeadline<S> {
    stream: S,
    limit: Duration,
    /// Whether a write waits.
    waiting: bool,
    /// Made when a write waits for the first time: most never do.
    timer: Option<Pin<Box<Sleep>>>,
}

impl<S> WriteDeadline<S> {
    pub(super) fn new(stream: S, limit: Duration) -> Self {
        Self { stream, limit, waiting: false, timer: None }
    }

    /// What becomes of a write that was tried.
    fn judge(&mut self, written: Poll<io::Result<usize>>, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        if written.is_ready() {
            self.waiting = false;
            return written;
        }
        let due = Instant::now() + self.limit;
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(due)));
        if !self.waiting {
            self.waiting = true;
            timer.as_mut().reset(due);
        }
        ready!(timer.as_mut().poll(cx));
        Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
    }
}

impl<S: AsyncRead + Unpin> AsyncRead for WriteDeadline<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncWrite + Unpin> AsyncWrite for WriteDeadline<S> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write(cx, bytes);
        this.judge(written, cx)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let this = self.get_mut();
        let written = Pin::new(&mut this.stream).poll_write_vectored(cx, slices);
        this.judge(written, cx)
    }

    fn is_write_vectored(&self) -> bool {
        self.stream.is_write_vectored()
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    const LIMIT: Duration = Duration::from_mins(1);
    /// Just in time.
    const PATIENCE: Duration = Duration::from_secs(59);

    #[tokio::test(start_paused = true)]
    async fn who_takes_nothing_for_so_long_is_let_go() {
        let (near, _far) = tokio::io::duplex(8);
        let mut near = WriteDeadline::new(near, LIMIT);
        let begun = Instant::now();
        let error = near.write_all(&[0; 9]).await.unwrap_err();
        assert_eq!((error.kind(), begun.elapsed()), (io::ErrorKind::TimedOut, LIMIT));
    }

    #[tokio::test(start_paused = true)]
    async fn who_takes_a_little_now_and_then_is_not() {
        let (near, mut far) = tokio::io::duplex(8);
        let mut near = WriteDeadline::new(near, LIMIT);
        let reading = tokio::spawn(async move {
            for _ in 0..9 {
                tokio::time::sleep(PATIENCE).await;
                far.read_u8().await.unwrap();
            }
            far
        });
        near.write_all(&[0; 17]).await.unwrap();
        let mut far = reading.await.unwrap();
        // Between two answers nothing waits, however long that takes; what was read last does not count against it.
        tokio::time::sleep(LIMIT * 2).await;
        let (_, read) = tokio::join!(near.write_all(&[0; 8]), async {
            tokio::time::sleep(PATIENCE).await;
            far.read_exact(&mut [0; 16]).await
        });
        assert_eq!(read.unwrap(), 16);
    }
}
