//! Answers in another dialect, translated as they come.

use super::{Failure, overflow};
use crate::account::Tokens;
use crate::dialect::{StreamDecoder, Translation};
use crate::request::Held;
use crate::sse::{Described, EventRelay, usage_of};
use bytes::Bytes;
use std::collections::VecDeque;

/// The longest answer that is translated whole. Models end theirs far below.
const WHOLE_AT_MOST: usize = 8 * 1024 * 1024;

/// A stream of events: decoded, and from then on read as any other.
#[derive(Debug)]
pub struct Decoded {
    decoder: Box<dyn StreamDecoder>,
    /// Reads what was decoded.
    pub(super) relay: EventRelay,
}

impl Decoded {
    pub(super) fn new(translation: &Translation, relay: EventRelay) -> Self {
        Self { decoder: (translation.stream)(now()), relay }
    }

    pub(super) fn push(&mut self, piece: &[u8], out: &mut VecDeque<Bytes>) {
        let mut decoded = Vec::with_capacity(piece.len());
        self.decoder.push(piece, &mut decoded);
        if !decoded.is_empty() {
            self.relay.push(&decoded.into(), out);
        }
    }

    /// The usage reported. A stream that was cut has said how long the prompt is, and what came of the answer is seen.
    pub(super) fn tokens(&self) -> Option<Tokens> {
        let cut =
            || self.decoder.prompt_tokens().map(|prompt| Tokens { completion: self.relay.pieces, ..prompt });
        self.relay.tokens.or_else(cut)
    }
}

/// An answer that comes whole.
#[derive(Debug)]
pub struct Foreign {
    translation: Translation,
    /// Whether it is an error.
    error: bool,
    kept: Vec<Bytes>,
    length: usize,
    held: Held,
    /// Why it cannot be translated.
    pub(super) wrong: Option<Failure>,
    /// Whether it is translated.
    pub(super) done: bool,
    /// The usage reported.
    pub(super) tokens: Option<Tokens>,
    /// What it says of itself, if anybody wants to know.
    pub(super) described: Option<Box<Described>>,
}

impl Foreign {
    pub(super) fn new(translation: Translation, error: bool, held: Held) -> Self {
        let (kept, length, wrong, done, tokens) = (Vec::new(), 0, None, false, None);
        Self { translation, error, kept, length, held, wrong, done, tokens, described: None }
    }

    pub(super) fn push(&mut self, piece: Bytes) {
        self.length = self.length.saturating_add(piece.len());
        if self.length > WHOLE_AT_MOST {
            self.wrong = Some(Failure::Garbled);
        } else if self.held.grow_to(self.length).is_err() {
            self.wrong = Some(Failure::NoRoom);
        } else {
            self.kept.push(piece);
        }
    }

    pub(super) fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        let body = std::mem::take(&mut self.kept).concat();
        let translated = if self.error {
            Some((self.translation.error)(&body))
        } else {
            (self.translation.answer)(&body, now())
        };
        self.held.release();
        match translated {
            Some(answer) if self.wrong.is_none() => {
                self.tokens = usage_of(&answer);
                if let Some(described) = &mut self.described {
                    described.add(&answer);
                }
                self.done = true;
                out.push_back(answer);
            }
            _ => {
                let failure = (self.translation.reported)(&body)
                    .map_or(Failure::Garbled, |error| overflow::failure_of(&error));
                self.wrong.get_or_insert(failure);
            }
        }
    }
}

/// Seconds since 1970.
fn now() -> u64 {
    u64::try_from(jiff::Timestamp::now().as_second()).unwrap_or(0)
}
