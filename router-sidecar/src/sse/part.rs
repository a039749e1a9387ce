//! What one stream is to an answer that may come from two.

use super::{Identity, Transcript, usage};
use crate::account::Tokens;
use bytes::Bytes;

/// What a stream is to the answer that the client gets.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Part {
    /// All of it.
    Alone,
    /// Perhaps only the first part: what the client gets is kept, so that another stream can go on after it.
    First(Transcript),
    /// The second part.
    Second(Before),
}

/// What a client knows of an answer whose second part follows. It has seen a prelude, too.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Before {
    /// What it knows the stream by.
    pub identity: Identity,
    /// What the first part took: the usage that the client gets is of both.
    pub tokens: Tokens,
}

impl Before {
    /// The event as if it were of the first part; `None` if it is already.
    pub(super) fn put_on(&self, event: &[u8]) -> Option<Bytes> {
        let named = self.identity.put_on(event);
        let summed = usage::add_to(named.as_deref().unwrap_or(event), self.tokens);
        summed.or(named)
    }
}
