//! The body of an answer as it comes.

use super::connection::Connection;
use super::{Decoder, Lost, Pool, Step};
use bytes::Bytes;
use std::io;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

/// What is still to come of an answer. Dropping it before its end closes the connection, which is how the engine
/// learns that nobody listens any more.
#[derive(Debug)]
pub struct AnswerPieces {
    /// Absent after the end.
    connection: Option<Connection>,
    decoder: Decoder,
    /// Where the connection goes afterwards, if it is of use then.
    back: Option<Arc<Pool>>,
}

impl AnswerPieces {
    /// The body that begins on this connection.
    pub(super) fn new(connection: Connection, decoder: Decoder, back: Option<Arc<Pool>>) -> Self {
        Self { connection: Some(connection), decoder, back }
    }

    /// The next piece; `None` after the last one.
    pub(in crate::upstream) fn poll_piece(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Bytes, Lost>>> {
        loop {
            let Some(connection) = &mut self.connection else {
                return Poll::Ready(None);
            };
            match self.decoder.next(&mut connection.buffer) {
                Ok(Step::Piece(piece)) => {
                    if self.decoder.is_done() {
                        self.end();
                    }
                    return Poll::Ready(Some(Ok(piece)));
                }
                Ok(Step::End) => self.end(),
                Ok(Step::More) => match ready!(connection.poll_fill(cx)) {
                    Ok(0) if self.decoder.may_close() => self.connection = None,
                    Ok(0) => return self.broken(Lost::Broken(io::ErrorKind::UnexpectedEof.into())),
                    Ok(_) => {}
                    Err(error) => return self.broken(Lost::Broken(error)),
                },
                Err(invalid) => return self.broken(invalid.into()),
            }
        }
    }

    /// Whether all of it was given out.
    pub(in crate::upstream) fn is_done(&self) -> bool {
        self.connection.is_none()
    }

    fn broken(&mut self, lost: Lost) -> Poll<Option<Result<Bytes, Lost>>> {
        self.connection = None;
        Poll::Ready(Some(Err(lost)))
    }

    fn end(&mut self) {
        if let (Some(connection), Some(pool)) = (self.connection.take(), self.back.take()) {
            pool.put(connection);
        }
    }
}
