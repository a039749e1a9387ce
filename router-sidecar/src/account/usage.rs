//! Token counts: as upstreams report them, and as the operator gets them.

use crate::snapshot::{Side, Snapshot};
use flotilla_crds::router_config::{BackendUsage, NanoUsd};
use serde::Deserialize;

/// What an answer took. Read from OpenAI's `usage`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(from = "Usage")]
pub struct Tokens {
    /// Tokens of the prompt, cached ones included.
    pub prompt: u64,
    /// Of these, tokens that the target had in its cache.
    pub cached: u64,
    /// Tokens generated.
    pub completion: u64,
}

/// OpenAI's fields. What some engines leave out counts as zero.
#[derive(Deserialize)]
struct Usage {
    #[serde(default)]
    prompt_tokens: u64,
    #[serde(default)]
    completion_tokens: u64,
    #[serde(default)]
    prompt_tokens_details: Option<PromptDetails>,
    /// DeepSeek's name.
    #[serde(default)]
    prompt_cache_hit_tokens: Option<u64>,
}

#[derive(Deserialize)]
struct PromptDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
}

impl From<Usage> for Tokens {
    fn from(usage: Usage) -> Self {
        let cached = usage.prompt_tokens_details.and_then(|details| details.cached_tokens);
        Self {
            prompt: usage.prompt_tokens,
            cached: cached.or(usage.prompt_cache_hit_tokens).unwrap_or(0),
            completion: usage.completion_tokens,
        }
    }
}

impl Tokens {
    /// Of a prompt of which nothing was cached, as far as is known.
    pub const fn new(prompt: u64, completion: u64) -> Self {
        Self { prompt, cached: 0, completion }
    }

    /// The sum with those of another attempt. Targets may report any number.
    #[must_use]
    pub const fn plus(self, more: Self) -> Self {
        Self {
            prompt: self.prompt.saturating_add(more.prompt),
            cached: self.cached.saturating_add(more.cached),
            completion: self.completion.saturating_add(more.completion),
        }
    }

    /// Of prompt and answer together.
    pub const fn total(self) -> u64 {
        self.prompt.saturating_add(self.completion)
    }
}

/// What every backend of a snapshot served since this router started.
pub fn report(snapshot: &Snapshot) -> Vec<BackendUsage> {
    let policies = snapshot.policies.iter();
    policies
        .flat_map(|policy| policy.backends.iter().map(move |backend| (policy, backend)))
        .map(|(policy, backend)| BackendUsage {
            policy: policy.name.clone(),
            backend: backend.name.clone(),
            external: backend.side == Side::External,
            requests: backend.counters.requests.get(),
            failed: backend.counters.failed.get(),
            prompt_tokens: backend.counters.prompt_tokens.get(),
            completion_tokens: backend.counters.completion_tokens.get(),
            cost: NanoUsd(backend.counters.cost.get()),
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cached_tokens_are_read_under_each_name_that_they_have() {
        for (usage, cached) in [
            (r#"{"prompt_tokens":9,"completion_tokens":2}"#, 0),
            (r#"{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":null}"#, 0),
            (
                r#"{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":null}}"#,
                0,
            ),
            (r#"{"prompt_tokens":9,"completion_tokens":2,"prompt_tokens_details":{"cached_tokens":8}}"#, 8),
            (r#"{"prompt_tokens":9,"completion_tokens":2,"prompt_cache_hit_tokens":7}"#, 7),
        ] {
            let tokens: Tokens = serde_json::from_str(usage).unwrap();
            assert_eq!(tokens, Tokens { prompt: 9, cached, completion: 2 }, "{usage}");
        }
    }
}
