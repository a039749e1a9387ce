//! What targets speak. Clients and most targets speak OpenAI's Chat Completions, which pass as they are; for any other
//! API the request is translated on its way out, and the answer on its way back.
//!
//! A dialect is a file and a line in [`of`].

mod anthropic;
mod mistral;
mod openai;
mod unsupported;

pub use unsupported::Unsupported;

use crate::account::Tokens;
use crate::request::Operation;
use bytes::Bytes;
use flotilla_crds::router_config::Provider;
use http::{HeaderName, HeaderValue};
use serde_json::value::RawValue;
use std::fmt;

/// The dialect of a provider: the table.
pub fn of(provider: Provider) -> &'static Dialect {
    match provider {
        Provider::OpenAICompatible | Provider::OpenAI | Provider::DeepSeek => &openai::DIALECT,
        Provider::Mistral => &mistral::DIALECT,
        Provider::Anthropic => &anthropic::DIALECT,
    }
}

/// What our own engines are called where providers have names.
pub const FLEET: &str = "flotilla";

/// The name of a provider in spans, by OpenTelemetry's table of well-known values for `gen_ai.provider.name`; of one
/// that speaks like another it is not known who it is.
pub fn name(provider: Provider) -> &'static str {
    match provider {
        Provider::OpenAICompatible => "openai_compatible",
        Provider::OpenAI => "openai",
        Provider::DeepSeek => "deepseek",
        Provider::Mistral => "mistral_ai",
        Provider::Anthropic => "anthropic",
    }
}

/// How an API is spoken to.
#[derive(Debug)]
pub struct Dialect {
    /// What follows the base of the API for a chat.
    chat: &'static str,
    /// The same for embeddings; absent where there are none.
    embeddings: Option<&'static str>,
    /// The header that carries the key, and what precedes the key in it.
    key: (HeaderName, &'static str),
    /// Headers that every request has.
    pub headers: &'static [(HeaderName, HeaderValue)],
    /// Whether streams report their usage without `stream_options`, which such an API may not even know.
    pub usage_unasked: bool,
    /// Between Chat Completions and this dialect; absent if it is the same.
    pub translation: Option<Translation>,
}

impl Dialect {
    /// What follows the base of the API for an operation; `None` if the API has no such thing.
    pub fn path(&self, operation: Operation) -> Option<&'static str> {
        match operation {
            Operation::Chat => Some(self.chat),
            Operation::Embeddings => self.embeddings,
        }
    }

    /// The header with a key, marked sensitive so that no layer prints it. `None` if a header cannot hold the key.
    pub fn key_header(&self, key: &str) -> Option<(HeaderName, HeaderValue)> {
        let (name, prefix) = &self.key;
        let mut value = HeaderValue::try_from(format!("{prefix}{key}")).ok()?;
        value.set_sensitive(true);
        Some((name.clone(), value))
    }
}

/// Between Chat Completions and another dialect. Pure; `created` is now, in seconds since 1970.
#[derive(Debug, Clone, Copy)]
pub struct Translation {
    /// A request, with the model's name there in the place of the client's.
    pub request: fn(body: &[u8], model: &RawValue) -> Result<Bytes, Unsupported>,
    /// A good answer that came whole; `None` if it is not in the dialect.
    pub answer: fn(body: &[u8], created: u64) -> Option<Bytes>,
    /// The body of an error.
    pub error: fn(body: &[u8]) -> Bytes,
    /// The same of a body that says itself that it is one; `None` if it does not.
    pub reported: fn(body: &[u8]) -> Option<Bytes>,
    /// A good answer that is streamed.
    pub stream: fn(created: u64) -> Box<dyn StreamDecoder>,
}

/// Turns one stream of events into chunks of Chat Completions.
pub trait StreamDecoder: fmt::Debug + Send + Sync {
    /// Takes the next piece of the stream and appends the events that follow from it.
    fn push(&mut self, piece: &[u8], out: &mut Vec<u8>);

    /// The prompt's tokens, where the stream says them before its end.
    fn prompt_tokens(&self) -> Option<Tokens>;
}
