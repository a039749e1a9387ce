//! An answer's body as it passes by: events are split, everything else is kept on the side to read its usage.

use crate::account::Tokens;
use crate::sse::{EventRelay, Part, Progress, usage_of};
use bytes::Bytes;
use http::{HeaderMap, header};
use std::collections::VecDeque;

/// What is kept of an answer that is not a stream. The usage of a longer one is estimated.
const KEEP_AT_MOST: usize = 8 * 1024 * 1024;

/// How one answer is read.
#[derive(Debug)]
pub enum Reading {
    /// Server-sent events.
    Events(EventRelay),
    /// Anything else. The pieces are the ones that go to the client, shared and not copied.
    Whole {
        /// What came so far; emptied when it is too much.
        kept: Vec<Bytes>,
        /// How much came.
        length: usize,
        /// What was read at the end.
        tokens: Option<Tokens>,
    },
}

impl Reading {
    /// How an answer with these headers is read.
    pub fn new(headers: &HeaderMap, hide_usage: bool, part: &Part) -> Self {
        let events = headers
            .get(header::CONTENT_TYPE)
            .is_some_and(|value| value.as_bytes().to_ascii_lowercase().starts_with(b"text/event-stream"));
        if events {
            return Self::Events(EventRelay::of(part.clone(), hide_usage));
        }
        Self::Whole { kept: Vec::new(), length: 0, tokens: None }
    }

    /// A stream of which nothing has come.
    pub fn nothing() -> Self {
        Self::Events(EventRelay::new(false))
    }

    /// Takes a piece and appends what may go to the client.
    pub fn push(&mut self, piece: Bytes, out: &mut VecDeque<Bytes>) {
        match self {
            Self::Events(relay) => relay.push(&piece, out),
            Self::Whole { kept, length, .. } => {
                *length += piece.len();
                if *length <= KEEP_AT_MOST {
                    kept.push(piece.clone());
                } else {
                    kept.clear();
                }
                out.push_back(piece);
            }
        }
    }

    /// The answer ended well.
    pub fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        match self {
            Self::Events(relay) => relay.finish(out),
            Self::Whole { kept, tokens, .. } => {
                *tokens = match kept.as_slice() {
                    [] => None,
                    [one] => usage_of(one),
                    more => usage_of(&more.concat()),
                };
                kept.clear();
            }
        }
    }

    /// Whether the first content has come: an event that says something, or any byte.
    pub(super) fn begun(&self) -> bool {
        match self {
            Self::Events(relay) => relay.begun,
            Self::Whole { length, .. } => *length > 0,
        }
    }

    /// The error that a stream reported in the place of content.
    pub(super) fn error(&self) -> Option<&Bytes> {
        match self {
            Self::Events(relay) => relay.error.as_ref(),
            Self::Whole { .. } => None,
        }
    }

    /// Whether it is a stream of events: one that ends without content is no answer.
    pub fn is_stream(&self) -> bool {
        matches!(self, Self::Events(_))
    }

    /// Whether the stream reported an error after its first content.
    pub fn failed(&self) -> bool {
        matches!(self, Self::Events(relay) if relay.progress == Progress::Failed)
    }

    /// The text that the client got so far, if another answer can go on after it.
    pub fn text(&self) -> Option<&str> {
        match self {
            Self::Events(relay) => relay.text(),
            Self::Whole { .. } => None,
        }
    }

    /// Whether the stream said that it is complete.
    pub fn done(&self) -> bool {
        matches!(self, Self::Events(relay) if relay.progress == Progress::Done)
    }

    /// The usage reported, and the chunks of text seen.
    pub fn seen(&self) -> (Option<Tokens>, u64) {
        match self {
            Self::Events(relay) => (relay.tokens, relay.pieces),
            Self::Whole { tokens, .. } => (*tokens, 0),
        }
    }
}
