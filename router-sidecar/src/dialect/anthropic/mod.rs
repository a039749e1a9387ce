//! Anthropic's Messages API, version 2023-06-01, the one that its reference names and promises to keep:
//! <https://docs.anthropic.com/en/api/messages>. Field names and values are those that its own client for Python, version
//! 2.13, has in its types; that client asks for a later version by now, and sends its key as a bearer.

mod answer;
mod content;
mod fields;
mod request;
mod stream;
#[cfg(test)]
mod tests;
mod tools;
mod usage;

use super::{Dialect, Translation};
use http::{HeaderName, HeaderValue};

/// One API, one version.
pub(super) static DIALECT: Dialect = Dialect {
    chat: "/messages",
    embeddings: None,
    key: (HeaderName::from_static("x-api-key"), ""),
    headers: {
        static VERSION: [(HeaderName, HeaderValue); 1] =
            [(HeaderName::from_static("anthropic-version"), HeaderValue::from_static("2023-06-01"))];
        &VERSION
    },
    usage_unasked: true,
    translation: Some(Translation {
        request: request::translate,
        answer: answer::translate,
        error: answer::translate_error,
        reported: answer::reported,
        stream: |created| Box::new(stream::Decoder::new(created)),
    }),
};

/// OpenAI's word for why an answer ended.
fn finish_reason(stop_reason: &str) -> &'static str {
    match stop_reason {
        "max_tokens" | "model_context_window_exceeded" => "length",
        "tool_use" => "tool_calls",
        "refusal" => "content_filter",
        // end_turn, stop_sequence, pause_turn, and what comes after this was written.
        _ => "stop",
    }
}
