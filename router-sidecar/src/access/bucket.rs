//! A token bucket that holds a minute's worth and fills evenly. Integers throughout: nothing is lost to rounding.

use std::time::{Duration, Instant};

/// Levels count in 60,000ths, so that what comes in a millisecond is the limit of a minute itself.
const SCALE: i128 = 60_000;

/// How full a bucket is. It is below zero after a request that took more than was thought.
#[derive(Debug, Clone, Copy)]
pub(super) struct Bucket {
    level: i128,
    filled: Instant,
}

/// A bucket as clients are told of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Level {
    /// What there may be in a minute.
    pub limit: u64,
    /// What is left of it.
    pub remaining: u64,
    /// Until all of it is there again.
    pub reset: Duration,
}

impl Bucket {
    pub(super) fn full(limit: u64, now: Instant) -> Self {
        Self { level: i128::from(limit) * SCALE, filled: now }
    }

    /// Lets in what came since the last time.
    pub(super) fn fill(&mut self, limit: u64, now: Instant) {
        let millis = now.saturating_duration_since(self.filled).as_millis();
        let came = i128::try_from(millis).unwrap_or(i128::MAX).saturating_mul(i128::from(limit));
        self.level = self.level.saturating_add(came).min(i128::from(limit) * SCALE);
        // What is less than a millisecond counts the next time.
        self.filled += Duration::from_millis(u64::try_from(millis).unwrap_or(0));
    }

    /// How long until this much may be taken; zero if it may be now. More than a minute's worth may be taken when all
    /// of it is there.
    pub(super) fn wait(&self, limit: u64, amount: u64) -> Duration {
        let missing = i128::from(amount.min(limit)) * SCALE - self.level;
        millis(missing, limit)
    }

    /// Takes an amount out, or puts it back if it is below zero.
    pub(super) fn take(&mut self, amount: i128) {
        self.level = self.level.saturating_sub(amount.saturating_mul(SCALE));
    }

    pub(super) fn level(&self, limit: u64) -> Level {
        let remaining = u64::try_from(self.level.max(0) / SCALE).unwrap_or(0);
        Level { limit, remaining, reset: millis(i128::from(limit) * SCALE - self.level, limit) }
    }
}

/// The time in which a level rises so far, rounded up.
fn millis(missing: i128, limit: u64) -> Duration {
    if missing <= 0 {
        return Duration::ZERO;
    }
    let limit = i128::from(limit.max(1));
    Duration::from_millis(u64::try_from((missing + limit - 1) / limit).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_minutes_worth_is_there_at_once_and_comes_back_evenly() {
        let start = Instant::now();
        let mut bucket = Bucket::full(60, start);
        assert_eq!(bucket.wait(60, 60), Duration::ZERO);
        bucket.take(60);
        assert_eq!(bucket.wait(60, 1), Duration::from_secs(1));
        assert_eq!(bucket.level(60), Level { limit: 60, remaining: 0, reset: Duration::from_mins(1) });
        bucket.fill(60, start + Duration::from_millis(1500));
        assert_eq!(bucket.wait(60, 2), Duration::from_millis(500));
        assert_eq!(bucket.level(60).remaining, 1);
        bucket.fill(60, start + Duration::from_hours(1));
        assert_eq!(bucket.level(60), Level { limit: 60, remaining: 60, reset: Duration::ZERO });
    }

    #[test]
    fn what_is_larger_than_a_minutes_worth_passes_when_all_is_there_and_is_paid_for_later() {
        let start = Instant::now();
        let mut bucket = Bucket::full(100, start);
        assert_eq!(bucket.wait(100, 1000), Duration::ZERO);
        bucket.take(1000);
        assert_eq!(bucket.wait(100, 1000), Duration::from_mins(10));
    }

    proptest! {
        /// Whoever asks whenever: in no stretch of time more gets through than a minute's worth and what came in it.
        #[test]
        fn no_pattern_of_requests_gets_more(limit in 1_u64..1000, gaps in prop::collection::vec((0_u64..5000, 1_u64..50), 1..200)) {
            let start = Instant::now();
            let mut bucket = Bucket::full(limit, start);
            let (mut now, mut taken) = (start, 0);
            for (gap, amount) in gaps {
                now += Duration::from_micros(gap * 997);
                bucket.fill(limit, now);
                if bucket.wait(limit, amount).is_zero() && amount <= limit {
                    bucket.take(i128::from(amount));
                    taken += amount;
                }
                let came = u128::from(limit) * now.duration_since(start).as_micros() / 60_000_000;
                prop_assert!(u128::from(taken) <= u128::from(limit) + came);
            }
        }
    }
}
