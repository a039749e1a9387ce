//! How long a backend's answers are, to predict those to come.

use std::sync::atomic::{AtomicU32, Ordering};

/// Lengths are told apart by their power of two, up to 2^17 tokens.
const BUCKETS: usize = 18;
/// Answers that count; beyond, all counts are halved, so that the last some thousands decide.
const MOST: u32 = 4096;
/// What is taken for granted before there are answers: so many of so many tokens, the middle of what chats have.
const ASSUMED: (u64, u64) = (4, 256);

/// A running distribution of completion lengths. Updates that cross lose a count at worst.
#[derive(Debug, Default)]
pub(super) struct Lengths([AtomicU32; BUCKETS]);

impl Lengths {
    /// An answer of so many tokens.
    pub(super) fn add(&self, tokens: u64) {
        let bucket = (u64::BITS - tokens.leading_zeros()) as usize;
        let Some(count) = self.0.get(bucket.min(BUCKETS - 1)) else { return };
        if count.fetch_add(1, Ordering::Relaxed) >= MOST {
            for count in &self.0 {
                count.store(count.load(Ordering::Relaxed) / 2, Ordering::Relaxed);
            }
        }
    }

    /// The mean length of answers that end at `limit` tokens.
    pub(super) fn expected(&self, limit: Option<u32>) -> u64 {
        let limit = limit.map_or(u64::MAX, u64::from);
        let (assumed, assumed_tokens) = ASSUMED;
        let (mut answers, mut tokens) = (assumed, assumed * assumed_tokens.min(limit));
        for (bucket, count) in self.0.iter().enumerate() {
            let count = u64::from(count.load(Ordering::Relaxed));
            answers += count;
            tokens += count * middle(bucket).min(limit);
        }
        tokens / answers
    }
}

/// The middle of a bucket: of 2^(n-1) to 2^n.
const fn middle(bucket: usize) -> u64 {
    (3 << bucket) / 4
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn answers_of_one_length_lead_to_it_within_its_power_of_two() {
        for length in [1_u64, 20, 300, 5000, 100_000] {
            let lengths = Lengths::default();
            for _ in 0..2000 {
                lengths.add(length);
            }
            let expected = lengths.expected(None);
            assert!((length / 2..=length * 2).contains(&expected), "{length}: {expected}");
        }
    }

    #[test]
    fn a_limit_cuts_long_answers_and_leaves_short_ones() {
        let lengths = Lengths::default();
        for _ in 0..1000 {
            lengths.add(1500);
            lengths.add(12);
        }
        assert_eq!(lengths.expected(Some(0)), 0);
        assert!(lengths.expected(Some(16)) <= 16);
        let (some, all) = (lengths.expected(Some(100)), lengths.expected(None));
        assert!((40..60).contains(&some), "half of 100 and half of 12: {some}");
        assert!((600..1000).contains(&all), "{all}");
    }

    #[test]
    fn what_changed_is_followed_and_counts_stay_bounded() {
        let lengths = Lengths::default();
        for _ in 0..100_000 {
            lengths.add(10);
        }
        for _ in 0..20_000 {
            lengths.add(1000);
        }
        assert!(lengths.expected(None) > 500, "{}", lengths.expected(None));
        assert!(lengths.0.iter().all(|count| count.load(Ordering::Relaxed) <= MOST + 1));
    }

    #[test]
    fn before_any_answer_a_usual_one_is_expected() {
        assert_eq!(Lengths::default().expected(None), 256);
        assert_eq!(Lengths::default().expected(Some(10)), 10);
    }
}
