//! Token counts. Anthropic counts tokens that were read from or written to its cache apart from the prompt's others.

use crate::account::Tokens;
use serde::{Deserialize, Serialize};

/// As Anthropic counts. In a stream each report has the sums so far of what it names.
#[derive(Debug, Clone, Copy, Default, Deserialize)]
pub(super) struct Usage {
    input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Debug, Clone, Copy, Deserialize)]
struct OutputDetails {
    #[serde(default)]
    thinking_tokens: u64,
}

/// As OpenAI counts.
#[derive(Debug, Serialize)]
pub(super) struct Counted {
    prompt_tokens: u64,
    completion_tokens: u64,
    total_tokens: u64,
    prompt_tokens_details: PromptDetails,
    completion_tokens_details: CompletionDetails,
}

#[derive(Debug, Serialize)]
struct PromptDetails {
    cached_tokens: u64,
    /// Not OpenAI's own: the name that gateways use for tokens that were written to the cache.
    cache_creation_tokens: u64,
}

#[derive(Debug, Serialize)]
struct CompletionDetails {
    reasoning_tokens: u64,
}

impl Usage {
    /// A later report of the same answer.
    pub(super) fn update(&mut self, later: Self) {
        self.input_tokens = later.input_tokens.or(self.input_tokens);
        self.cache_creation_input_tokens =
            later.cache_creation_input_tokens.or(self.cache_creation_input_tokens);
        self.cache_read_input_tokens = later.cache_read_input_tokens.or(self.cache_read_input_tokens);
        self.output_tokens = later.output_tokens.or(self.output_tokens);
        self.output_tokens_details = later.output_tokens_details.or(self.output_tokens_details);
    }

    /// All tokens of the prompt, if they were reported.
    pub(super) fn prompt_tokens(self) -> Option<Tokens> {
        let cached = self.cache_read_input_tokens.unwrap_or(0);
        let apart = cached.saturating_add(self.cache_creation_input_tokens.unwrap_or(0));
        self.input_tokens.map(|tokens| Tokens { prompt: tokens.saturating_add(apart), cached, completion: 0 })
    }

    /// In OpenAI's fields.
    pub(super) fn counted(self) -> Counted {
        let (prompt, completion) =
            (self.prompt_tokens().unwrap_or_default().prompt, self.output_tokens.unwrap_or(0));
        Counted {
            prompt_tokens: prompt,
            completion_tokens: completion,
            total_tokens: prompt.saturating_add(completion),
            prompt_tokens_details: PromptDetails {
                cached_tokens: self.cache_read_input_tokens.unwrap_or(0),
                cache_creation_tokens: self.cache_creation_input_tokens.unwrap_or(0),
            },
            completion_tokens_details: CompletionDetails {
                reasoning_tokens: self.output_tokens_details.map_or(0, |details| details.thinking_tokens),
            },
        }
    }
}
