//! Money as integers: 1 USD is 10^9 nano-dollars, so that sums are exact.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount in nano-dollars.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct NanoUsd(pub u64);

/// Prices per million tokens, as decimal strings of USD (`"2.50"`).
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Pricing {
    /// USD per million prompt tokens.
    pub input: String,
    /// USD per million completion tokens.
    pub output: String,
    /// USD per million prompt tokens that the API had in its cache. Absent: as other prompt tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cached_input: Option<String>,
}

/// Why a decimal string is no price.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MoneyError {
    /// Not digits with an optional fraction.
    #[error("{0:?} is not an amount of USD: write digits with an optional fraction, like \"2.50\"")]
    Malformed(String),
    /// Finer than a nano-dollar.
    #[error("{0:?} has more than nine digits after the point: the smallest amount is one nano-dollar")]
    TooFine(String),
    /// Beyond 64 bits.
    #[error("{0:?} is more than 18 billion USD")]
    TooLarge(String),
}

/// Nano-dollars in a dollar.
const NANOS: u64 = 1_000_000_000;
/// Prices are per this many tokens.
const TOKENS_PER_PRICE: u128 = 1_000_000;

impl NanoUsd {
    /// Reads a decimal string of USD exactly.
    pub fn parse_usd(text: &str) -> Result<Self, MoneyError> {
        let malformed = || MoneyError::Malformed(text.to_owned());
        let (whole, fraction) = text.split_once('.').unwrap_or((text, "0"));
        if whole.is_empty() || fraction.is_empty() || !text.bytes().all(|b| b.is_ascii_digit() || b == b'.') {
            return Err(malformed());
        }
        if fraction.len() > 9 {
            return Err(MoneyError::TooFine(text.to_owned()));
        }
        let too_large = || MoneyError::TooLarge(text.to_owned());
        let dollars: u64 = whole.parse().map_err(|_| too_large())?;
        let nanos: u64 = format!("{fraction:0<9}").parse().map_err(|_| malformed())?;
        dollars.checked_mul(NANOS).and_then(|n| n.checked_add(nanos)).map(Self).ok_or_else(too_large)
    }

    /// The cost of `tokens` at this price per million tokens, rounded up to the next nano-dollar.
    #[must_use]
    pub fn cost_of(self, tokens: u64) -> Self {
        let exact = (u128::from(self.0) * u128::from(tokens)).div_ceil(TOKENS_PER_PRICE);
        Self(u64::try_from(exact).unwrap_or(u64::MAX))
    }

    /// The sum, held at the largest amount instead of wrapping.
    #[must_use]
    pub fn saturating_add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for NanoUsd {
    /// USD with as many digits as the amount needs, at least two: `0.0125`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let fraction = format!("{:09}", self.0 % NANOS);
        let kept = fraction.trim_end_matches('0').len().max(2);
        write!(f, "{}.{}", self.0 / NANOS, &fraction[..kept])
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimal_strings_are_read_exactly() {
        for (text, nanos) in [("2.50", 2_500_000_000), ("0", 0), ("0.000000001", 1), ("10", 10 * NANOS)] {
            assert_eq!(NanoUsd::parse_usd(text), Ok(NanoUsd(nanos)), "{text}");
        }
    }

    #[test]
    fn other_strings_are_refused_with_what_to_write() {
        for text in ["", ".5", "1.", "-1", "1e3", "1.2.3", "$2", "0.0000000001", "99999999999999"] {
            assert!(NanoUsd::parse_usd(text).is_err(), "{text} was taken");
        }
    }

    #[test]
    fn a_million_tokens_cost_their_price_and_one_token_is_never_free() {
        let price = NanoUsd(150_000_000);
        assert_eq!(price.cost_of(1_000_000), price);
        assert_eq!(price.cost_of(1), NanoUsd(150));
        assert_eq!(NanoUsd(1).cost_of(1), NanoUsd(1));
        assert_eq!(NanoUsd(u64::MAX).cost_of(u64::MAX), NanoUsd(u64::MAX));
    }

    #[test]
    fn amounts_print_as_dollars() {
        assert_eq!(NanoUsd(12_500_000).to_string(), "0.0125");
        assert_eq!(NanoUsd(3 * NANOS).to_string(), "3.00");
    }
}
