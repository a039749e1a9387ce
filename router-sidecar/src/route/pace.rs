//! How long a target takes to its first content: what is unusual enough to send a second leg after.

use parking_lot::Mutex;
use std::time::Duration;

/// The last so many answers. The 95th percentile of 128 rests on six answers slower than it.
const KEPT: usize = 128;
/// Fewer answers say nothing about one in twenty.
const ENOUGH: usize = 20;

/// First-content times of one backend.
#[derive(Debug, Default)]
pub struct Pace(Mutex<Ring>);

#[derive(Debug, Default)]
struct Ring {
    /// In microseconds.
    times: Vec<u32>,
    next: usize,
}

impl Pace {
    /// Content came after this time.
    pub fn record(&self, time: Duration) {
        let micros = u32::try_from(time.as_micros()).unwrap_or(u32::MAX);
        let mut ring = self.0.lock();
        let next = ring.next;
        match ring.times.get_mut(next) {
            Some(oldest) => *oldest = micros,
            None => ring.times.push(micros),
        }
        ring.next = (next + 1) % KEPT;
    }

    /// No content came for so long, and then it was called off. If that is less than what 19 of 20 keep, it says
    /// nothing; else it was one of the slow ones, which would be missed if only those counted that are waited for.
    pub fn record_at_least(&self, time: Duration) {
        if self.p95().is_some_and(|p95| time >= p95) {
            self.record(time);
        }
    }

    /// The time that 19 of 20 answers keep; `None` while too few came.
    pub fn p95(&self) -> Option<Duration> {
        let mut times = self.0.lock().times.clone();
        if times.len() < ENOUGH {
            return None;
        }
        // The smallest time with at least 95 % at or below it.
        let rank = (times.len() * 95).div_ceil(100) - 1;
        let (_, time, _) = times.select_nth_unstable(rank);
        Some(Duration::from_micros(u64::from(*time)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_slowest_twentieth_is_beyond_it_and_old_times_are_forgotten() {
        let pace = Pace::default();
        (1..ENOUGH as u64).for_each(|ms| pace.record(Duration::from_millis(ms)));
        assert_eq!(pace.p95(), None);
        pace.record(Duration::from_millis(20));
        assert_eq!(pace.p95(), Some(Duration::from_millis(19)));
        (0..KEPT).for_each(|_| pace.record(Duration::from_secs(1)));
        assert_eq!(pace.p95(), Some(Duration::from_secs(1)));
        assert_eq!(pace.0.lock().times.len(), KEPT);
    }

    #[test]
    fn what_was_called_off_counts_only_if_it_was_slow_by_then() {
        let pace = Pace::default();
        pace.record_at_least(Duration::from_secs(1));
        (0..ENOUGH).for_each(|_| pace.record(Duration::from_millis(10)));
        (0..KEPT).for_each(|_| pace.record_at_least(Duration::from_millis(9)));
        assert_eq!((pace.p95(), pace.0.lock().times.len()), (Some(Duration::from_millis(10)), ENOUGH));
        (0..2).for_each(|_| pace.record_at_least(Duration::from_millis(30)));
        assert_eq!(pace.p95(), Some(Duration::from_millis(30)));
    }
}
