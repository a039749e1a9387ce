//! Per-object exponential back-off with jitter, reset on success.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_mins(2);
/// From here on the delay is [`LONGEST`] anyway.
const LARGEST_EXPONENT: u32 = 10;

/// How often each object failed in a row.
#[derive(Debug, Default)]
pub struct Backoff(Mutex<HashMap<String, u32>>);

impl Backoff {
    /// The delay before the next try: between half and all of an exponentially growing time.
    pub fn next(&self, object: &str) -> Duration {
        let mut failures = self.0.lock();
        let count = failures.entry(object.to_owned()).or_insert(0);
        let full = FIRST.saturating_mul(1 << *count).min(LONGEST);
        *count = (*count + 1).min(LARGEST_EXPONENT);
        full.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// The object was reconciled, or is gone.
    pub fn reset(&self, object: &str) {
        self.0.lock().remove(object);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn delays_grow_to_a_limit_and_start_over_after_a_success() {
        let backoff = Backoff::default();
        let delays: Vec<_> = (0..20).map(|_| backoff.next("a")).collect();
        assert!(delays[0] <= FIRST && delays[0] >= FIRST / 2);
        assert!(delays.iter().all(|delay| *delay <= LONGEST));
        assert!(delays[19] >= LONGEST / 2);
        assert!(backoff.next("b") <= FIRST, "objects do not share delays");
        backoff.reset("a");
        assert!(backoff.next("a") <= FIRST);
    }
}
