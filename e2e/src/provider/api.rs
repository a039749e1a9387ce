//! What differs between the APIs that the provider stands in for.

use super::{Script, anthropic, embeddings, openai};
use bytes::Bytes;
use http::HeaderMap;

/// A piece of an answer, with the completion tokens it carries.
pub(super) type Piece = (Bytes, u64);

/// What was asked, whichever API it was.
#[derive(Debug, Default)]
pub(super) struct Asked {
    pub(super) model: String,
    pub(super) stream: bool,
    /// Words in the messages.
    pub(super) prompt_tokens: u64,
    /// Of these, in its cache.
    pub(super) cached_tokens: u64,
    /// Whether a stream is to say what it cost.
    pub(super) usage: bool,
    /// Words of the answer at most.
    pub(super) limit: Option<usize>,
    /// The tool that must be called.
    pub(super) tool: Option<String>,
}

impl Asked {
    /// The answer's words, each a token.
    pub(super) fn words<'a>(&self, script: &'a Script) -> Vec<&'a str> {
        script.reply.split_inclusive(' ').take(self.limit.unwrap_or(usize::MAX)).collect()
    }
}

/// Words of a text.
pub(super) fn words_in(text: &str) -> u64 {
    text.split_whitespace().count() as u64
}

/// One API on the wire.
pub(super) struct Api {
    pub(super) path: &'static str,
    /// The key that a client gave.
    pub(super) key: fn(&HeaderMap) -> Option<&[u8]>,
    /// Reads a request; the message says what is wrong with it.
    pub(super) ask: fn(&HeaderMap, &[u8]) -> Result<Asked, String>,
    /// The whole answer as one piece.
    pub(super) whole: fn(&Asked, &Script) -> Vec<Piece>,
    /// The answer as events.
    pub(super) events: fn(&Asked, &Script) -> Vec<Piece>,
    /// The body of an error: message, type, code.
    pub(super) error: fn(&str, &str, &str) -> Bytes,
    /// An error in a stream.
    pub(super) error_event: fn() -> Bytes,
    /// What it says to a prompt that does not fit.
    pub(super) overflow: fn() -> Bytes,
}

/// All of them.
pub(super) const ALL: [&Api; 3] = [&openai::API, &embeddings::API, &anthropic::API];

/// Cuts a body anew into pieces of `size` bytes; the tokens go with the last byte that carries them.
pub(super) fn cut(pieces: Vec<Piece>, size: usize) -> Vec<Piece> {
    if size == 0 {
        return pieces;
    }
    let mut cut = Vec::new();
    let (mut current, mut tokens) = (Vec::with_capacity(size), 0);
    for (bytes, carried) in pieces {
        let last = bytes.len().saturating_sub(1);
        for (at, byte) in bytes.into_iter().enumerate() {
            current.push(byte);
            tokens += if at == last { carried } else { 0 };
            if current.len() == size {
                cut.push((Bytes::from(std::mem::take(&mut current)), std::mem::take(&mut tokens)));
            }
        }
    }
    cut.push((current.into(), tokens));
    cut
}
