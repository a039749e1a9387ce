//! One connection to an engine: write a request, read the head of its answer.

use super::request::Outbox;
use super::{Head, Invalid, Lost, read_head};
use bytes::BytesMut;
use http::StatusCode;
use std::future::poll_fn;
use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::io::{AsyncReadExt, Interest};
use tokio::net::TcpStream;

/// What is read at once at first; more where an answer fills it.
const READ: usize = 4 * 1024;
/// What is read at once at most.
const READ_AT_MOST: usize = 64 * 1024;
/// Room below which more is made.
const ROOM: usize = 1024;
/// Interim answers before the real one.
const INTERIM_AT_MOST: usize = 8;

/// A connection, used by one request at a time.
#[derive(Debug)]
pub(super) struct Connection {
    stream: TcpStream,
    /// What has come and was not taken.
    pub(super) buffer: BytesMut,
    /// What is read at once.
    read: usize,
    /// Whether it has answered before.
    reused: bool,
    /// Whether anything has come since the last request began.
    heard: bool,
}

impl Connection {
    /// A new connection.
    ///
    /// # Errors
    /// The engine does not take it, or not in time.
    pub(super) async fn open(address: SocketAddr, deadline: Duration) -> io::Result<Self> {
        let stream = tokio::time::timeout(deadline, TcpStream::connect(address)).await??;
        stream.set_nodelay(true)?;
        Ok(Self { stream, buffer: BytesMut::new(), read: READ, reused: false, heard: false })
    }

    /// Whether nobody has hung up and nothing has come: a connection that waits has nothing to say. A system call
    /// only if something has happened.
    pub(super) fn is_quiet(&self) -> bool {
        let read = self.stream.try_read(&mut [0]);
        self.buffer.is_empty() && read.is_err_and(|error| error.kind() == io::ErrorKind::WouldBlock)
    }

    /// Gives back what it does not need while it waits.
    pub(super) fn rest(&mut self) {
        self.buffer = BytesMut::new();
        self.read = READ;
        self.reused = true;
    }

    /// Whether the request that just failed was lost because the server had closed a connection that had answered
    /// before: nothing of it was answered, and the server may be well.
    pub(super) fn was_stale(&self) -> bool {
        self.reused && !self.heard
    }

    /// Sends a request and reads the head of its answer, with whether the connection is of use afterwards.
    ///
    /// # Errors
    /// The connection broke, or what came is no answer.
    pub(super) async fn exchange(&mut self, mut outbox: Outbox) -> Result<(Head, bool), Lost> {
        self.heard = false;
        let sent = self.send(&mut outbox).await;
        // A server that refuses may answer and hang up before it has read all: then its answer counts.
        match self.final_head().await {
            Ok(head) => {
                let keep = head.keep_alive && outbox.is_empty();
                Ok((head, keep))
            }
            Err(lost) => Err(sent.err().map_or(lost, Lost::Broken)),
        }
    }

    /// Writes all of it, or as much as is wanted: the rest of a request that is refused already is not sent.
    async fn send(&mut self, outbox: &mut Outbox) -> io::Result<()> {
        while !outbox.is_empty() {
            match outbox.write(|slices| self.stream.try_write_vectored(slices)) {
                Ok(()) => continue,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                Err(error) => return Err(error),
            }
            // What comes meanwhile is kept, up to a bound, so that a server that answers early is not stuck.
            let full = self.buffer.len() >= READ_AT_MOST;
            let interest = if full { Interest::WRITABLE } else { Interest::READABLE | Interest::WRITABLE };
            let ready = self.stream.ready(interest).await?;
            if ready.is_readable() && !full {
                match self.read_now() {
                    Ok(0) => return Err(io::ErrorKind::UnexpectedEof.into()),
                    Ok(_) => {}
                    Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                    Err(error) => return Err(error),
                }
                if refuses(&self.buffer) {
                    break;
                }
            }
        }
        Ok(())
    }

    /// The head of the answer, after interim ones.
    async fn final_head(&mut self) -> Result<Head, Lost> {
        let mut interim = 0;
        loop {
            while let Some(head) = read_head(&mut self.buffer)? {
                if !head.status.is_informational() {
                    return Ok(head);
                }
                interim += 1;
                // Nobody asked for another protocol.
                if head.status == StatusCode::SWITCHING_PROTOCOLS {
                    return Err(Invalid::Head.into());
                }
                if interim > INTERIM_AT_MOST {
                    return Err(Invalid::LongHead.into());
                }
            }
            let read = poll_fn(|cx| self.poll_fill(cx)).await.map_err(Lost::Broken)?;
            if read == 0 {
                return Err(Lost::Broken(io::ErrorKind::UnexpectedEof.into()));
            }
        }
    }

    /// Reads more into the buffer; 0 is the end. Unlike a read that is only tried, this one takes less than there was
    /// room for as a sign that nothing more is there, which saves the system call that would say so.
    pub(super) fn poll_fill(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<usize>> {
        let room = self.make_room();
        let read = ready!(pin!(self.stream.read_buf(&mut self.buffer)).poll(cx))?;
        self.heard |= read > 0;
        if read == room {
            self.read = (self.read * 2).min(READ_AT_MOST);
        }
        Poll::Ready(Ok(read))
    }

    /// Reads what is there already.
    fn read_now(&mut self) -> io::Result<usize> {
        self.make_room();
        let read = self.stream.try_read_buf(&mut self.buffer)?;
        self.heard |= read > 0;
        Ok(read)
    }

    fn make_room(&mut self) -> usize {
        if self.buffer.capacity() - self.buffer.len() < ROOM {
            self.buffer.reserve(self.read);
        }
        self.buffer.capacity() - self.buffer.len()
    }
}

/// Whether these bytes begin an answer with a status of 400 or more.
fn refuses(answer: &[u8]) -> bool {
    answer.get("HTTP/1.1 ".len()).is_some_and(|digit| matches!(digit, b'4' | b'5'))
}
