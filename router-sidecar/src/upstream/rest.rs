//! What is still to come of an answer, whoever reads it from the network.

use super::http1::AnswerPieces;
use bytes::Bytes;
use hyper::body::{Body, Incoming};
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll, ready};

/// The pieces of an answer after its head.
#[derive(Debug)]
pub enum Rest {
    /// Of an engine.
    Engine(AnswerPieces),
    /// Of any other target.
    Other(Incoming),
}

/// An answer stopped before its end.
#[derive(Debug)]
pub struct Stopped;

impl Rest {
    /// The next piece; `None` after the last one.
    pub fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Stopped>>> {
        let stopped = |error: &dyn std::error::Error| {
            tracing::debug!(%error, "an answer stopped");
            Stopped
        };
        match self {
            Self::Engine(pieces) => pieces.poll_piece(cx).map_err(|error| stopped(&error)),
            Self::Other(body) => loop {
                let Some(frame) = ready!(Pin::new(&mut *body).poll_frame(cx)) else {
                    return Poll::Ready(None);
                };
                match frame.map(hyper::body::Frame::into_data) {
                    Ok(Ok(piece)) => return Poll::Ready(Some(Ok(piece))),
                    // Trailers.
                    Ok(Err(_)) => {}
                    Err(error) => return Poll::Ready(Some(Err(stopped(&error)))),
                }
            },
        }
    }

    /// Waits for the next piece; `None` after the last one.
    pub async fn piece(&mut self) -> Option<Result<Bytes, Stopped>> {
        poll_fn(|cx| self.poll_piece(cx)).await
    }

    /// Whether it is known that nothing more comes.
    pub fn is_done(&self) -> bool {
        match self {
            Self::Engine(pieces) => pieces.is_done(),
            Self::Other(body) => body.is_end_stream(),
        }
    }
}
