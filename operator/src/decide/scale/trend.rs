//! How fast demand rises: what is started now serves only later.

use super::{Capacity, Tokens};
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;

/// Seconds that are added up to one point.
const POINT: i64 = 10;
/// Points of a minute.
const MINUTE: usize = 6;
/// Minutes that are compared.
const MINUTES: usize = 5;
/// Points that are remembered.
const POINTS: usize = MINUTE * MINUTES;

/// What was offered in each of the last stretches of ten seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Trend {
    points: VecDeque<Tokens>,
    /// The stretch that is under way, what was offered in it, and how often it was added to.
    current: Option<(i64, Tokens, f64)>,
}

impl Trend {
    /// Adds what is offered, per second.
    pub(super) fn add(&mut self, now: Timestamp, offered: Tokens) {
        let stretch = now.as_second().div_euclid(POINT);
        let (since, sum, count) = self.current.unwrap_or((stretch, Tokens::default(), 0.0));
        if stretch <= since {
            self.current = Some((since, sum + offered, count + 1.0));
            return;
        }
        for _ in 0..usize::try_from(stretch - since).unwrap_or(POINTS).min(POINTS) {
            if self.points.len() == POINTS {
                self.points.pop_front();
            }
            self.points.push_back(sum * (1.0 / count.max(1.0)));
        }
        self.current = Some((stretch, offered, 1.0));
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// By how many busy replicas demand will have risen after so long, if it goes on as in the last five minutes: by
    /// the second smallest of the four changes from minute to minute. A step is in two of them at most, so that it is
    /// no trend. The stretch under way does not count.
    pub(super) fn rise(&self, capacity: Capacity, ahead: SignedDuration) -> f64 {
        if self.points.len() < POINTS {
            return 0.0;
        }
        let work = |from: usize| {
            let points = self.points.iter().skip(from * MINUTE).take(MINUTE);
            points.map(|tokens| capacity.work(*tokens)).sum::<f64>() / MINUTE as f64
        };
        let minutes: [f64; MINUTES] = std::array::from_fn(work);
        let mut changes: [f64; MINUTES - 1] = [0.0; MINUTES - 1];
        for (change, pair) in changes.iter_mut().zip(minutes.windows(2)) {
            if let [before, after] = pair {
                *change = after - before;
            }
        }
        changes.sort_unstable_by(f64::total_cmp);
        let [_, change, ..] = changes;
        change.max(0.0) * ahead.as_secs_f64() / 60.0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rise(of: impl Fn(i64) -> f64) -> f64 {
        let mut trend = Trend::default();
        for second in 0..400 {
            trend.add(Timestamp::from_second(second).unwrap(), Tokens::new(of(second), 0.0));
        }
        trend.rise(Capacity::new(1.0, 1.0).unwrap(), SignedDuration::from_secs(100))
    }

    #[test]
    fn a_straight_rise_goes_on_and_a_fall_is_none() {
        assert!((rise(|s| 0.02 * s as f64) - 2.0).abs() < 1e-6);
        assert!(rise(|s| 20.0 - 0.02 * s as f64).abs() < 1e-9);
        assert!(rise(|_| 7.0).abs() < 1e-9);
    }

    #[test]
    fn a_step_is_no_trend_wherever_it_is() {
        for at in (0..400).step_by(7) {
            let step = rise(|s| if s < at { 1.0 } else { 100.0 });
            assert!(step.abs() < 1e-9, "at {at}: {step}");
        }
    }

    #[test]
    fn too_little_is_no_trend() {
        let mut trend = Trend::default();
        for second in 0..299 {
            trend.add(Timestamp::from_second(second).unwrap(), Tokens::new(second as f64, 0.0));
        }
        assert!(
            trend.rise(Capacity::new(1.0, 1.0).unwrap(), SignedDuration::from_secs(100)).abs() < f64::EPSILON
        );
    }
}
