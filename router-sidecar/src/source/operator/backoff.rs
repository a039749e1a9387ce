//! How long to wait before the next try: exponential, with full jitter, so that hundreds of routers whose operator
//! restarts do not come back in one wave.

use std::time::Duration;

const FIRST: Duration = Duration::from_millis(100);
const LONGEST: Duration = Duration::from_secs(5);

/// The wait, growing with every failure.
#[derive(Debug)]
pub(super) struct Backoff {
    ceiling: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { ceiling: FIRST }
    }
}

impl Backoff {
    /// The next wait; `roll` is any random number.
    pub(super) fn next(&mut self, roll: u32) -> Duration {
        let share = f64::from(roll) / f64::from(u32::MAX);
        let wait = FIRST.max(self.ceiling.mul_f64(share));
        self.ceiling = (self.ceiling * 2).min(LONGEST);
        wait
    }

    /// The operator answers: start over.
    pub(super) fn reset(&mut self) {
        *self = Self::default();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_grow_to_the_longest_and_start_over() {
        let mut backoff = Backoff::default();
        let waits: Vec<_> = (0..9).map(|_| backoff.next(u32::MAX).as_millis()).collect();
        assert_eq!(waits, [100, 200, 400, 800, 1600, 3200, 5000, 5000, 5000]);
        assert_eq!(backoff.next(0), FIRST);
        backoff.reset();
        assert_eq!(backoff.next(u32::MAX), FIRST);
    }
}
