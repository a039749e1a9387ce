//! External APIs by name: which dialect each speaks, and where it is.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// An external API. Those that are named have an address of their own, so that `baseURL` need not be given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum Provider {
    /// OpenAI's Chat Completions at an address of yours, as aggregators and most servers speak it.
    #[default]
    OpenAICompatible,
    /// OpenAI itself.
    OpenAI,
    /// Anthropic's Messages. Requests are translated, answers are translated back.
    Anthropic,
    /// `DeepSeek`, which speaks Chat Completions.
    DeepSeek,
    /// Mistral, which speaks Chat Completions.
    Mistral,
}

impl Provider {
    /// The base of the provider's own API, as its documentation gives it: the table.
    pub const fn base_url(self) -> Option<&'static str> {
        match self {
            Self::OpenAICompatible => None,
            Self::OpenAI => Some("https://api.openai.com/v1"),
            Self::Anthropic => Some("https://api.anthropic.com/v1"),
            Self::DeepSeek => Some("https://api.deepseek.com/v1"),
            Self::Mistral => Some("https://api.mistral.ai/v1"),
        }
    }
}
