//! Newline-delimited messages out of a body, with a bound on their length.

use super::StreamError;
use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::Incoming;

/// The longest message: some ten thousand endpoints.
pub(super) const LONGEST: usize = 16 * 1024 * 1024;

/// Lines as they come.
pub(super) struct Lines {
    body: Incoming,
    held: BytesMut,
    /// Bytes of `held` known to have no line break.
    scanned: usize,
}

impl Lines {
    pub(super) fn new(body: Incoming) -> Self {
        Self { body, held: BytesMut::new(), scanned: 0 }
    }

    /// The next line, without its break. Cancel-safe: nothing is lost if the future is dropped.
    pub(super) async fn next(&mut self) -> Result<Bytes, StreamError> {
        loop {
            if let Some(line) = self.take_line() {
                return Ok(line);
            }
            if self.held.len() > LONGEST {
                return Err(StreamError::TooLong(LONGEST));
            }
            let frame = self.body.frame().await.ok_or(StreamError::Ended)??;
            if let Ok(data) = frame.into_data() {
                self.held.extend_from_slice(&data);
            }
        }
    }

    fn take_line(&mut self) -> Option<Bytes> {
        let Some(at) = memchr::memchr(b'\n', &self.held[self.scanned..]) else {
            self.scanned = self.held.len();
            return None;
        };
        let mut line = self.held.split_to(self.scanned + at + 1);
        line.truncate(line.len() - 1);
        self.scanned = 0;
        Some(line.freeze())
    }
}
