//! An answer's body as it passes by: events are split, everything else is kept on the side to read its usage. In
//! another dialect both are translated before anything else looks at them.

use super::Failure;
use super::foreign::{Decoded, Foreign};
use super::opening::Opening;
use super::tail::{Tail, estimate};
use crate::account::Tokens;
use crate::dialect::Translation;
use crate::request::{Held, Operation};
use crate::sse::{Described, EventRelay, Identity, Part, Progress, is_error, usage_of};
use bytes::Bytes;
use http::{HeaderMap, HeaderValue, header, response};
use std::collections::VecDeque;

/// What is kept of an answer that is not a stream. Of a longer one only the end is, where its usage should be.
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
        /// Its end, when it was too much.
        tail: Option<Box<Tail>>,
        /// Whether it is text, whose tokens can be estimated by its length.
        is_text: bool,
        /// How much came.
        length: usize,
        /// How it begins.
        opening: Opening,
        /// The error that came in its place.
        error: Option<Bytes>,
        /// What was read at the end.
        tokens: Option<Tokens>,
        /// Counts what is kept.
        held: Held,
        /// What the answer says of itself, if anybody wants to know.
        described: Option<Box<Described>>,
    },
    /// Server-sent events of another dialect.
    Decoded(Box<Decoded>),
    /// Anything else of another dialect: nothing goes to the client before its end.
    Foreign(Box<Foreign>),
}

impl Reading {
    /// How an answer with such a head is read.
    pub(super) fn new(
        parts: &response::Parts,
        operation: Operation,
        hide_usage: bool,
        part: &Part,
        held: Held,
    ) -> Self {
        if is_events(&parts.headers) {
            return Self::Events(EventRelay::of(part.clone(), hide_usage));
        }
        let is_text = operation == Operation::Chat;
        Self::Whole {
            kept: Vec::new(),
            tail: None,
            is_text,
            length: 0,
            opening: Opening::of(parts.status),
            error: None,
            tokens: None,
            held,
            described: None,
        }
    }

    /// How an answer in another dialect is read. Its headers are from now on those of what is made of it.
    pub(super) fn foreign(
        translation: &Translation,
        parts: &mut response::Parts,
        hide_usage: bool,
        part: &Part,
        held: Held,
    ) -> Self {
        parts.headers.remove(header::CONTENT_LENGTH);
        if parts.status.is_success() && is_events(&parts.headers) {
            let relay = EventRelay::of(part.clone(), hide_usage);
            return Self::Decoded(Box::new(Decoded::new(translation, relay)));
        }
        parts.headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        Self::Foreign(Box::new(Foreign::new(*translation, !parts.status.is_success(), held)))
    }

    /// A stream of which nothing has come.
    pub fn nothing() -> Self {
        Self::Events(EventRelay::new(false))
    }

    /// Takes a piece and appends what may go to the client.
    pub fn push(&mut self, piece: Bytes, out: &mut VecDeque<Bytes>) {
        match self {
            Self::Events(relay) => relay.push(&piece, out),
            Self::Decoded(decoded) => decoded.push(&piece, out),
            Self::Foreign(foreign) => foreign.push(piece),
            Self::Whole { kept, tail, length, opening, held, .. } => {
                *length += piece.len();
                opening.read(&piece);
                if let Some(tail) = tail {
                    tail.push(&piece);
                } else if *length <= KEEP_AT_MOST && held.grow_to(*length).is_ok() {
                    kept.push(piece.clone());
                } else {
                    tail.insert(Box::new(Tail::of(kept))).push(&piece);
                    kept.clear();
                    held.release();
                }
                out.push_back(piece);
            }
        }
    }

    /// The body ended well.
    pub fn finish(&mut self, out: &mut VecDeque<Bytes>) {
        match self {
            Self::Events(relay) => relay.finish(out),
            Self::Decoded(decoded) => decoded.relay.finish(out),
            Self::Foreign(foreign) => foreign.finish(out),
            Self::Whole { tail: Some(tail), opening, error, length, tokens, .. } => {
                *tokens = tail.usage();
                *error = tail.whole(*length).and_then(|all| error_in(*opening, all));
            }
            Self::Whole { kept, opening, error, tokens, held, described, .. } => {
                let joined;
                let all = match kept.as_slice() {
                    [one] => &one[..],
                    several => {
                        joined = several.concat();
                        &joined[..]
                    }
                };
                *tokens = usage_of(all);
                *error = error_in(*opening, all);
                if let Some(described) = described {
                    described.add(all);
                }
                kept.clear();
                held.release();
            }
        }
    }

    /// From now on it is noted what the answer says of itself.
    pub(super) fn describe(&mut self) {
        *self.described() = Some(Box::default());
    }

    /// What the answer said of itself so far, if that is noted; it is noted no longer.
    pub fn take_description(&mut self) -> Option<Box<Described>> {
        self.described().take()
    }

    fn described(&mut self) -> &mut Option<Box<Described>> {
        match self {
            Self::Events(relay) => &mut relay.described,
            Self::Decoded(decoded) => &mut decoded.relay.described,
            Self::Whole { described, .. } => described,
            Self::Foreign(foreign) => &mut foreign.described,
        }
    }

    /// It is the answer to a request for so many choices.
    pub(super) fn expect(&mut self, choices: u32) {
        match self {
            Self::Events(relay) => relay.expect(choices),
            Self::Decoded(decoded) => decoded.relay.expect(choices),
            Self::Whole { .. } | Self::Foreign(_) => {}
        }
    }

    /// What is split into events.
    fn relay(&self) -> Option<&EventRelay> {
        match self {
            Self::Events(relay) => Some(relay),
            Self::Decoded(decoded) => Some(&decoded.relay),
            Self::Whole { .. } | Self::Foreign(_) => None,
        }
    }

    /// Whether the first content has come: an event that says something, or any byte but the empty lines by which some
    /// APIs keep the connection of an answer that comes whole. What begins as an error is none before its end.
    pub(super) fn begun(&self) -> bool {
        match self {
            Self::Events(_) | Self::Decoded(_) => self.relay().is_some_and(|relay| relay.begun),
            Self::Whole { opening, .. } => *opening == Opening::Other,
            Self::Foreign(foreign) => foreign.done,
        }
    }

    /// Whether nothing has come of an answer in one piece that should say something by its status. Neither a chat nor
    /// embeddings are answered by nothing.
    pub(super) fn is_blank(&self) -> bool {
        matches!(self, Self::Whole { opening: Opening::Open { length: 0, .. }, .. })
    }

    /// Whether it is read to its end before anything of it goes to the client.
    pub(super) fn comes_whole(&self) -> bool {
        matches!(self, Self::Foreign(_))
    }

    /// Whether what has come may have to be read to its end before any of it goes to the client. Empty lines before an
    /// answer keep its connection, for as long as it takes.
    pub(super) fn stays(&self) -> bool {
        match self {
            Self::Whole { opening, .. } => {
                matches!(opening, Opening::Error | Opening::Open { length: 1.., .. })
            }
            Self::Foreign(_) => true,
            Self::Events(_) | Self::Decoded(_) => false,
        }
    }

    /// Why it cannot be translated.
    pub(super) fn wrong(&self) -> Option<&Failure> {
        match self {
            Self::Foreign(foreign) => foreign.wrong.as_ref(),
            Self::Events(_) | Self::Decoded(_) | Self::Whole { .. } => None,
        }
    }

    /// The error that was reported in the place of content.
    pub(super) fn error(&self) -> Option<&Bytes> {
        match self {
            Self::Whole { error, .. } => error.as_ref(),
            _ => self.relay()?.error.as_ref(),
        }
    }

    /// Whether it is a stream of events: one that ends without content is no answer.
    pub fn is_stream(&self) -> bool {
        self.relay().is_some()
    }

    /// Whether the stream reported an error after its first content.
    pub fn failed(&self) -> bool {
        self.relay().is_some_and(|relay| relay.progress == Progress::Failed)
    }

    /// The text that the client got so far, if another answer can go on after it.
    pub fn text(&self) -> Option<&str> {
        self.relay()?.text()
    }

    /// What the client knows the answer by, if another one can go on after it.
    pub fn identity(&self) -> Identity {
        self.relay().map(EventRelay::identity).unwrap_or_default()
    }

    /// Whether all of a stream's answer has come: it said so, or all its choices have ended. What is missing is at most
    /// its usage.
    pub fn done(&self) -> bool {
        self.relay().is_some_and(EventRelay::is_complete)
    }

    /// Whether nothing is missing of an answer whose body is over: a stream says itself that it is at its end.
    pub fn is_whole(&self) -> bool {
        !self.relay().is_some_and(EventRelay::is_open) && !self.failed()
    }

    /// The usage reported, and about how many tokens came, in case there is none: the chunks of text of a stream, or by
    /// the length of a chat in one piece. Some report zeros until they know better, or in the place of nothing.
    pub fn seen(&self) -> (Option<Tokens>, u64) {
        let (tokens, about) = match self {
            Self::Events(relay) => (relay.tokens, relay.pieces),
            Self::Decoded(decoded) => (decoded.tokens(), decoded.relay.pieces),
            Self::Whole { tokens, error: None, is_text: true, length, .. } => (*tokens, estimate(*length)),
            Self::Whole { tokens, .. } => (*tokens, 0),
            Self::Foreign(foreign) => (foreign.tokens, 0),
        };
        let tokens = tokens.filter(|tokens| *tokens != Tokens::default());
        // Each chunk of text is of a token at least.
        let counted = |tokens: Tokens| match tokens.completion {
            0 if self.is_stream() => Tokens { completion: about, ..tokens },
            _ => tokens,
        };
        (tokens.map(counted), about)
    }
}

/// The error that came in the place of an answer that begins so.
fn error_in(opening: Opening, all: &[u8]) -> Option<Bytes> {
    (opening == Opening::Error && is_error(all)).then(|| Bytes::copy_from_slice(all))
}

fn is_events(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE);
    kind.is_some_and(|value| value.as_bytes().to_ascii_lowercase().starts_with(b"text/event-stream"))
}
