//! Per-object exponential back-off with jitter, reset on success.

use parking_lot::Mutex;
use std::collections::HashMap;
use std::time::Duration;
use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_mins(2);
/// From here on the delay is [`LONGEST`] anyway.
const LARGEST_EXPONENT: u32 = 10;
/// What did not fail for so long is gone: controllers do not say when an object that is to be tried again is deleted.
const GONE_AFTER: Duration = Duration::from_mins(10);

/// How often each object failed in a row.
#[derive(Debug, Default)]
pub struct Backoff(Mutex<Failures>);

#[derive(Debug, Default)]
struct Failures {
    objects: HashMap<String, (u32, Instant)>,
    /// When those that are gone were last looked for.
    swept: Option<Instant>,
}

impl Backoff {
    /// The delay before the next try: between half and all of an exponentially growing time.
    pub fn next(&self, object: &str) -> Duration {
        let now = Instant::now();
        let mut failures = self.0.lock();
        failures.sweep(now);
        let (count, last) = failures.objects.entry(object.to_owned()).or_insert((0, now));
        *last = now;
        let full = FIRST.saturating_mul(1 << *count).min(LONGEST);
        *count = (*count + 1).min(LARGEST_EXPONENT);
        full.mul_f64(rand::random_range(0.5..=1.0))
    }

    /// The object was reconciled, or is gone.
    pub fn reset(&self, object: &str) {
        self.0.lock().objects.remove(object);
    }

    #[cfg(test)]
    fn len(&self) -> usize {
        self.0.lock().objects.len()
    }
}

impl Failures {
    /// Drops what is gone; not with each failure, of which there may be many.
    fn sweep(&mut self, now: Instant) {
        if self.swept.is_some_and(|swept| now.duration_since(swept) < LONGEST) {
            return;
        }
        self.swept = Some(now);
        self.objects.retain(|_, (_, last)| now.duration_since(*last) < GONE_AFTER);
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

    #[tokio::test(start_paused = true)]
    async fn who_is_gone_is_forgotten_and_who_goes_on_failing_is_not() {
        let backoff = Backoff::default();
        for nth in 0..100 {
            backoff.next(&format!("gone-{nth}"));
        }
        let mut last = Duration::ZERO;
        for _ in 0..20 {
            last = backoff.next("failing");
            tokio::time::advance(LONGEST).await;
        }
        assert_eq!(backoff.len(), 1);
        assert!(last >= LONGEST / 2, "{last:?}");
    }
}
