//! The fleet at its present use, beside an external API.

use super::MILLION;
use super::price::{TokenPrice, per_million};
use flotilla_crds::router_config::NanoUsd;

const HOURS_A_DAY: u64 = 24;
const SECONDS_AN_HOUR: u128 = 3600;

/// What a model's replicas cost and did over a while.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Usage {
    /// What all replicas cost in an hour: GPUs times their price.
    pub hourly: NanoUsd,
    /// How long the while was, in seconds.
    pub seconds: u64,
    /// Prompt tokens that were served in it.
    pub prompt_tokens: u64,
    /// Completion tokens that were served in it.
    pub completion_tokens: u64,
}

/// What follows from a usage.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Economics {
    /// What a million tokens cost at this use; unknown where none were served.
    pub cost_per_million: Option<NanoUsd>,
    /// What a million tokens of the same mix cost outside; unknown without a price or tokens.
    pub external_per_million: Option<NanoUsd>,
    /// Tokens a day, in the same mix, from which on the replicas that are there cost less than the API.
    pub break_even_tokens_per_day: Option<u64>,
}

impl Usage {
    /// What the replicas cost in the while.
    pub fn cost(&self) -> NanoUsd {
        let cost = u128::from(self.hourly.0) * u128::from(self.seconds) / SECONDS_AN_HOUR;
        NanoUsd(u64::try_from(cost).unwrap_or(u64::MAX))
    }

    /// Compares with what an external API asks, where there is one to compare with.
    pub fn beside(&self, price: Option<TokenPrice>) -> Economics {
        let tokens = u128::from(self.prompt_tokens) + u128::from(self.completion_tokens);
        let external = price.and_then(|price| price.per_million(self.prompt_tokens, self.completion_tokens));
        let daily = u128::from(self.hourly.0) * u128::from(HOURS_A_DAY);
        let break_even = external
            .filter(|external| external.0 > 0)
            .map(|external| (daily * MILLION).div_ceil(u128::from(external.0)));
        Economics {
            cost_per_million: per_million(self.cost(), tokens),
            external_per_million: external,
            break_even_tokens_per_day: break_even.map(|tokens| u64::try_from(tokens).unwrap_or(u64::MAX)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usd(text: &str) -> NanoUsd {
        NanoUsd::parse_usd(text).unwrap()
    }

    /// One L4 at 0.80 USD an hour, beside an API at 0.15 and 0.60 USD.
    fn usage(prompt_tokens: u64, completion_tokens: u64) -> Usage {
        Usage { hourly: usd("0.80"), seconds: 3600, prompt_tokens, completion_tokens }
    }

    const PRICE: TokenPrice = TokenPrice { input: NanoUsd(150_000_000), output: NanoUsd(600_000_000) };

    #[test]
    fn an_hour_of_one_gpu() {
        let economics = usage(6_000_000, 2_000_000).beside(Some(PRICE));
        assert_eq!(economics.cost_per_million, Some(usd("0.10")));
        // (6 x 0.15 + 2 x 0.60) / 8
        assert_eq!(economics.external_per_million, Some(usd("0.2625")));
        // 19.20 USD a day / 0.2625 USD a million
        assert_eq!(economics.break_even_tokens_per_day, Some(73_142_858));
    }

    #[test]
    fn beside_a_large_model_the_rule_of_thumb_of_the_field_comes_out() {
        let large = TokenPrice { input: usd("2.50"), output: usd("10.00") };
        let economics = usage(3_000_000, 1_000_000).beside(Some(large));
        assert_eq!(economics.break_even_tokens_per_day, Some(4_388_572));
    }

    #[test]
    fn what_cannot_be_known_is_not_said() {
        let idle = usage(0, 0).beside(Some(PRICE));
        assert_eq!((idle.cost_per_million, idle.break_even_tokens_per_day), (None, None));
        let alone = usage(1, 1).beside(None);
        assert!(alone.cost_per_million.is_some() && alone.external_per_million.is_none());
        let free = TokenPrice { input: NanoUsd(0), output: NanoUsd(0) };
        assert_eq!(usage(1, 1).beside(Some(free)).break_even_tokens_per_day, None);
    }

    #[test]
    fn sums_stay_within_64_bits() {
        let most = Usage {
            hourly: NanoUsd(u64::MAX),
            seconds: u64::MAX,
            prompt_tokens: u64::MAX,
            completion_tokens: u64::MAX,
        };
        let cheap = TokenPrice { input: NanoUsd(1), output: NanoUsd(1) };
        assert_eq!(most.beside(Some(cheap)).break_even_tokens_per_day, Some(u64::MAX));
        assert_eq!(most.cost(), NanoUsd(u64::MAX));
    }
}
