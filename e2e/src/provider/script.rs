//! What the provider is to do next.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The provider's behaviour from now on.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Script {
    /// One a request, in order; after the last, requests are answered well.
    pub faults: VecDeque<Fault>,
    /// Whether the last fault stays for all further requests.
    pub repeat: bool,
    /// The text of every answer; a word, with the space behind it, is a token.
    pub reply: String,
    /// The `id` of every answer.
    pub id: String,
    /// The `created` of every answer.
    pub created: i64,
    /// Cuts the body into pieces of this many bytes, whatever they cut through. 0: an event a piece.
    pub piece_bytes: usize,
    /// Milliseconds between pieces.
    pub gap_ms: u64,
    /// Tokens of each prompt that it had in its cache.
    pub cached_tokens: u64,
    /// Strings to look for in everything received.
    pub markers: Vec<String>,
}

impl Default for Script {
    fn default() -> Self {
        Self {
            faults: VecDeque::new(),
            repeat: false,
            reply: "Hello from the stand-in provider.".to_owned(),
            id: "chatcmpl-stand-in".to_owned(),
            created: 1_700_000_000,
            piece_bytes: 0,
            gap_ms: 0,
            cached_tokens: 0,
            markers: Vec::new(),
        }
    }
}

/// How one request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// It does not.
    None,
    /// An error of this status; 429 comes with `retry-after: 7`.
    Status(u16),
    /// The connection closes before the headers.
    Reset,
    /// Nothing is ever answered.
    Stall,
    /// The connection closes after this many pieces of the body.
    CutAfter(usize),
    /// Nothing more comes after this many pieces of the body.
    StallAfter(usize),
    /// A stream whose first event is an error.
    ErrorEvent,
    /// A stream that reports an error after this many pieces.
    ErrorAfter(usize),
    /// The prompt does not fit, in llama.cpp's words.
    Overflow,
}

impl Script {
    /// The fault of the next request.
    pub(super) fn next_fault(&mut self) -> Fault {
        if self.repeat && self.faults.len() == 1 {
            return self.faults[0];
        }
        self.faults.pop_front().unwrap_or(Fault::None)
    }
}
