//! What a dialect has no form for.

use crate::error::cut;

/// The longest name of a field, with its place, in bytes.
const PARAM_AT_MOST: usize = 64;
/// The longest message: what a parser says about a value may quote all of it.
const MESSAGE_AT_MOST: usize = 300;

/// Part of a request has no form in the target's dialect.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{param}: {message}")]
pub struct Unsupported {
    /// The request field at fault, as the client calls it.
    pub param: String,
    /// What is wrong with it, or what to use instead. For the client alone: it may quote the prompt.
    pub message: String,
}

impl Unsupported {
    pub(super) fn new(param: impl Into<String>, message: impl Into<String>) -> Self {
        let (param, message) = (param.into(), message.into());
        Self { param: cut(param, PARAM_AT_MOST), message: cut(message, MESSAGE_AT_MOST) }
    }

    /// The field, for logs and decisions: a name that is more than a name is no field of any API, and may hold anything.
    pub fn field(&self) -> &str {
        let named = |byte: u8| byte.is_ascii_alphanumeric() || b"_.-[]".contains(&byte);
        if self.param.bytes().all(named) { &self.param } else { "an unknown field" }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_name_is_not_named() {
        for (param, field) in [
            ("messages[3].content[0]", "messages[3].content[0]"),
            ("top_logprobs", "top_logprobs"),
            ("patient Jane", "an unknown field"),
            (&"x".repeat(1000), "an unknown field"),
        ] {
            assert_eq!(Unsupported::new(param, "").field(), field);
        }
    }
}
