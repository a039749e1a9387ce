//! OpenAI's Chat Completions, as OpenAI itself, aggregators and most engines speak it.

use super::Dialect;
use http::header;

/// Nothing to translate.
pub(super) static DIALECT: Dialect = Dialect {
    path: "/chat/completions",
    key: (header::AUTHORIZATION, "Bearer "),
    headers: &[],
    translation: None,
};
