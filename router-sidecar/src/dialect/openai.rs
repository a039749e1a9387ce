//! OpenAI's Chat Completions and Embeddings, as OpenAI itself, aggregators and most engines speak it.

use super::Dialect;
use http::header;

/// Nothing to translate.
pub(super) static DIALECT: Dialect = Dialect {
    chat: "/chat/completions",
    embeddings: Some("/embeddings"),
    key: (header::AUTHORIZATION, "Bearer "),
    headers: &[],
    usage_unasked: false,
    translation: None,
};
