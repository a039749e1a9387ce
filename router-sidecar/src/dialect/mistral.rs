//! Mistral's API: Chat Completions, but for what it does not know.

use super::Dialect;
use http::header;

/// It refuses `stream_options`, and reports the usage of each stream in its last chunk.
pub(super) static DIALECT: Dialect = Dialect {
    chat: "/chat/completions",
    embeddings: Some("/embeddings"),
    key: (header::AUTHORIZATION, "Bearer "),
    headers: &[],
    usage_unasked: true,
    translation: None,
};
