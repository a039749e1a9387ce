//! What an external API asks.

use super::MILLION;
use flotilla_crds::router_config::NanoUsd;

/// The price of a million tokens of each kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct TokenPrice {
    /// Of prompts.
    pub input: NanoUsd,
    /// Of completions.
    pub output: NanoUsd,
}

impl TokenPrice {
    /// The price of so many tokens, rounded up.
    pub fn of(self, prompt_tokens: u64, completion_tokens: u64) -> NanoUsd {
        self.input.cost_of(prompt_tokens).saturating_add(self.output.cost_of(completion_tokens))
    }

    /// The price of a million tokens in this mix of both kinds; nothing for no tokens.
    pub fn per_million(self, prompt_tokens: u64, completion_tokens: u64) -> Option<NanoUsd> {
        let tokens = u128::from(prompt_tokens) + u128::from(completion_tokens);
        let cost = u128::from(self.input.0) * u128::from(prompt_tokens)
            + u128::from(self.output.0) * u128::from(completion_tokens);
        let mean = cost.checked_div(tokens)?;
        Some(NanoUsd(u64::try_from(mean).unwrap_or(u64::MAX)))
    }
}

/// The cost of a million tokens where so many cost so much in all.
pub(super) fn per_million(cost: NanoUsd, tokens: u128) -> Option<NanoUsd> {
    let mean = (u128::from(cost.0) * MILLION).checked_div(tokens)?;
    Some(NanoUsd(u64::try_from(mean).unwrap_or(u64::MAX)))
}
