//! HTTP/1.1 to engines that are reached by IP address and without TLS: what nearly all requests of a fleet take.
//!
//! A connection belongs to one request at a time, and that request's own task reads and writes it: no second task has
//! to be woken, and nothing goes through a channel. Why this is not left to the library that serves every other target
//! is in docs/adr/0008-own-client-for-plain-upstreams.md.

mod answer;
mod connection;
mod decode;
mod head;
mod pool;
mod request;

pub use answer::AnswerPieces;
pub use decode::{Decoder, Step};
pub use head::{Head, read_head};
pub use pool::{Pool, close_idle};

#[cfg(test)]
mod tests;

/// Why a request got no answer here.
#[derive(Debug, thiserror::Error)]
pub(super) enum Lost {
    /// No connection.
    #[error("cannot connect: {0}")]
    Connect(std::io::Error),
    /// The connection broke before the answer's head was whole.
    #[error("the connection broke: {0}")]
    Broken(std::io::Error),
    /// What came is not HTTP/1.1.
    #[error(transparent)]
    Invalid(#[from] Invalid),
}

/// What an answer has that it must not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Invalid {
    /// No status line and header lines.
    #[error("the head is not that of an HTTP/1.1 answer")]
    Head,
    /// More header bytes or interim answers than are read.
    #[error("the head is too long")]
    LongHead,
    /// It cannot be told where the body ends.
    #[error("the body's length is not clear")]
    Length,
    /// A chunk whose size or end is not where it should be.
    #[error("the chunks are not well formed")]
    Chunk,
}
