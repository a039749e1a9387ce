//! Values that people write in several ways.

use std::time::Duration;

const KIBI: u32 = 1024;
/// Far above what anybody trains.
const MOST_RANK: u32 = 1 << 16;
/// Beyond any server's default limits.
const MOST_ADAPTERS: u32 = 1024;
/// Whoever waits longer has forgotten it.
const MOST_SECONDS: u64 = 3600;

/// A number of tokens: `8192`, `8k` or `8K` (1,024 each), `1M`.
pub(super) fn tokens(text: &str) -> Result<u32, String> {
    let lower = text.trim().to_ascii_lowercase();
    let (digits, unit) = match lower.strip_suffix(['k', 'm']) {
        Some(digits) if lower.ends_with('k') => (digits, KIBI),
        Some(digits) => (digits, KIBI * KIBI),
        None => (lower.as_str(), 1),
    };
    let tokens = digits.parse::<u32>().ok().and_then(|number| number.checked_mul(unit));
    tokens
        .filter(|tokens| *tokens > 0)
        .ok_or_else(|| format!("must be a whole number of tokens from 1 to {}, such as 8192 or 8k", u32::MAX))
}

/// A whole number of at least 1.
pub(super) fn count(text: &str) -> Result<u32, String> {
    text.trim()
        .parse()
        .ok()
        .filter(|count| *count > 0)
        .ok_or_else(|| format!("must be a whole number from 1 to {}", u32::MAX))
}

/// `5` or `5%`, from 0 to 99 as in `spec.placement.headroom`.
pub(super) fn percent(text: &str) -> Result<u64, String> {
    let number = text.trim().trim_end_matches('%').parse().ok();
    number.filter(|percent| *percent < 100).ok_or_else(|| "must be a percentage from 0 to 99".to_owned())
}

/// A number of adapters that somebody may load at once.
pub(super) fn adapters(text: &str) -> Result<u32, String> {
    let number = text.trim().parse().ok();
    number
        .filter(|count| (1..=MOST_ADAPTERS).contains(count))
        .ok_or_else(|| format!("must be a whole number from 1 to {MOST_ADAPTERS}"))
}

/// The rank of an adapter.
pub(super) fn rank(text: &str) -> Result<u32, String> {
    let number = text.trim().parse().ok();
    number
        .filter(|rank| (1..=MOST_RANK).contains(rank))
        .ok_or_else(|| format!("must be a whole number from 1 to {MOST_RANK}"))
}

/// Seconds: `30` or `30s`.
pub(super) fn seconds(text: &str) -> Result<Duration, String> {
    let number = text.trim().trim_end_matches('s').parse().ok();
    number
        .filter(|seconds| (1..=MOST_SECONDS).contains(seconds))
        .map(Duration::from_secs)
        .ok_or_else(|| format!("must be a whole number of seconds from 1 to {MOST_SECONDS}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tokens_have_units() {
        for (text, value) in [("1", 1), ("8192", 8192), ("8k", 8192), ("128K", 131_072), ("1M", 1_048_576)] {
            assert_eq!(tokens(text), Ok(value), "{text}");
        }
        for text in ["", "0", "-1", "1.5k", "k", "8kk", "4294967296", "4194304k", "lots"] {
            assert!(tokens(text).is_err(), "{text}");
        }
    }

    #[test]
    fn counts_and_percentages_have_limits() {
        assert_eq!((count("4"), percent("5%"), percent("0")), (Ok(4), Ok(5), Ok(0)));
        for text in ["0", "-4", "4.0", ""] {
            assert!(count(text).is_err(), "{text}");
        }
        assert_eq!((rank("16"), seconds("30s")), (Ok(16), Ok(Duration::from_secs(30))));
        for text in ["0", "65537", "-1", ""] {
            assert!(rank(text).is_err(), "{text}");
        }
        for text in ["0", "3601", "1m", "-1", "s"] {
            assert!(seconds(text).is_err(), "{text}");
        }
        for text in ["100", "-1", "%", "5.5"] {
            assert!(percent(text).is_err(), "{text}");
        }
    }
}
