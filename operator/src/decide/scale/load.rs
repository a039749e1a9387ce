//! How much is offered: a rate from counts that come second by second.
//!
//! Single seconds are noise; a mean over a minute answers a step a minute late. So the mean of the minute counts
//! unless the last seconds are clearly above what came before: three parts in a row, each beyond what chance explains.
//! A step is then seen three seconds after it began, at its full height, and a single burst is not taken for one.

use super::{Capacity, Tokens};
use jiff::Timestamp;
use std::collections::VecDeque;
use std::ops::Range;

/// Seconds of which the mean is taken.
const MINUTE: usize = 60;
/// The shortest span that can be a step. Seconds that young do not count in the mean of the minute: a step is answered
/// when it is seen whole, not in instalments.
const SHORTEST: usize = 3;
/// Seconds that are remembered.
const MEMORY: usize = MINUTE + SHORTEST;
/// Spans that are looked at for a step, in seconds, each in three parts.
const SPANS: [usize; 3] = [SHORTEST, 15, 30];
/// A part is above what came before if it is by more than so many standard errors. Three parts by chance alone: about
/// once in a day of seconds.
const STANDARD_ERRORS: f64 = 2.0;
/// Seconds that there must be before a span to tell what is usual, and the fewest that a mean is taken of.
const USUAL: usize = 10;

/// Changes from a second to the next that are left out where their usual size is asked for: a step is one, a burst two.
const OUTLIERS: usize = 3;

/// What was offered in each of the last seconds.
#[derive(Debug, Clone, Default)]
pub(super) struct Load {
    seconds: VecDeque<Tokens>,
    last: Option<i64>,
}

impl Load {
    /// Adds what was offered, per second, since the call before. Of several calls within a second the first counts.
    pub(super) fn add(&mut self, now: Timestamp, offered: Tokens) {
        let second = now.as_second();
        let passed = self.last.map_or(1, |last| second.saturating_sub(last));
        for _ in 0..usize::try_from(passed).unwrap_or(0).min(MEMORY) {
            if self.seconds.len() == MEMORY {
                self.seconds.pop_front();
            }
            self.seconds.push_back(offered);
        }
        self.last = self.last.max(Some(second));
    }

    /// Nothing was offered in any of the seconds that are remembered.
    pub(super) fn fade(&mut self) {
        self.seconds.iter_mut().for_each(|second| *second = Tokens::default());
    }

    pub(super) fn clear(&mut self) {
        *self = Self::default();
    }

    /// Whether there are as many seconds as a mean is taken of at least.
    pub(super) fn is_mean(&self) -> bool {
        self.seconds.len() >= USUAL
    }

    /// Tokens per second, on average over what is remembered.
    pub(super) fn mean(&self) -> Tokens {
        let sum = self.seconds.iter().fold(Tokens::default(), |sum, second| sum + *second);
        sum * (1.0 / self.seconds.len().max(1) as f64)
    }

    /// What is offered, in tokens per second. More tokens in any second never make it less.
    pub(super) fn offered(&self, capacity: Capacity) -> Tokens {
        let sums = Sums::of(self.seconds.iter().map(|second| capacity.work(*second)));
        let count = self.seconds.len();
        let usual = 0..count.saturating_sub(SHORTEST);
        let steps = SPANS.iter().filter_map(|span| sums.step(count, *span));
        let most =
            steps.fold(usual, |most, step| if sums.mean(&step) > sums.mean(&most) { step } else { most });
        self.mean_of(most)
    }

    /// The same for a model that has no replica, where the first second says all there is to say.
    pub(super) fn offered_at_once(&self) -> Tokens {
        let count = self.seconds.len();
        self.mean_of(count.saturating_sub(MINUTE)..count)
    }

    /// The variance of the work that comes in a second, from one second to the next, so that a rise of the mean is
    /// none; without the largest changes, so that neither a step nor a single burst is. The last seconds do not count.
    pub(super) fn spread(&self, capacity: Capacity) -> f64 {
        let settled = self.seconds.len().saturating_sub(SHORTEST);
        let work = || self.seconds.iter().take(settled).map(|second| capacity.work(*second));
        let mut squares = [0.0; MINUTE];
        for (square, (one, next)) in squares.iter_mut().zip(work().zip(work().skip(1))) {
            *square = (next - one) * (next - one);
        }
        let (usual, ..) = squares.select_nth_unstable_by(MINUTE - OUTLIERS, f64::total_cmp);
        let usual = usual.iter().sum::<f64>();
        usual / 2.0 / settled.saturating_sub(OUTLIERS + 1).max(USUAL) as f64
    }

    fn mean_of(&self, seconds: Range<usize>) -> Tokens {
        let count = mean_over(&seconds);
        let within = self.seconds.iter().skip(seconds.start).take(seconds.len());
        within.fold(Tokens::default(), |sum, second| sum + *second) * (1.0 / count)
    }
}

/// Of fewer seconds than are usual the rest counts as nothing; a step is one, however short.
fn mean_over(seconds: &Range<usize>) -> f64 {
    let least = if seconds.start == 0 { USUAL } else { 1 };
    seconds.len().max(least) as f64
}

/// Sums of the first so many seconds, and of their squares.
struct Sums {
    values: [f64; MEMORY + 1],
    squares: [f64; MEMORY + 1],
}

impl Sums {
    fn of(seconds: impl Iterator<Item = f64>) -> Self {
        let (mut values, mut squares) = ([0.0; MEMORY + 1], [0.0; MEMORY + 1]);
        let (mut value, mut square) = (0.0, 0.0);
        let cells = values.iter_mut().zip(&mut squares).skip(1);
        for (second, (value_cell, square_cell)) in seconds.zip(cells) {
            value += second;
            square += second * second;
            (*value_cell, *square_cell) = (value, square);
        }
        Self { values, squares }
    }

    fn mean(&self, seconds: &Range<usize>) -> f64 {
        self.sum(seconds) / mean_over(seconds)
    }

    fn sum(&self, seconds: &Range<usize>) -> f64 {
        let until = |at: usize| self.values.get(at).copied().unwrap_or_default();
        until(seconds.end) - until(seconds.start)
    }

    /// The last `span` of `count` seconds, if they stand out as a whole.
    fn step(&self, count: usize, span: usize) -> Option<Range<usize>> {
        let before = count.checked_sub(span).filter(|before| *before >= USUAL)?;
        let part = span / 3;
        let mean = self.mean(&(0..before));
        let square = self.squares.get(before)? / before as f64;
        let deviation = (square - mean * mean).max(0.0).sqrt();
        let bar = mean * part as f64 + STANDARD_ERRORS * deviation * (part as f64).sqrt();
        let parts = (0..3).map(|nth| before + nth * part).map(|from| from..from + part);
        parts.into_iter().all(|part| self.sum(&part) > bar).then_some(before..count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// One replica second for each token.
    fn unit() -> Capacity {
        Capacity::new(1.0, 1.0).unwrap()
    }

    fn load(seconds: &[f64]) -> Load {
        let mut load = Load::default();
        for (at, work) in seconds.iter().enumerate() {
            load.add(Timestamp::from_second(i64::try_from(at).unwrap()).unwrap(), Tokens::new(*work, 0.0));
        }
        load
    }

    fn busy(seconds: &[f64]) -> f64 {
        unit().work(load(seconds).offered(unit()))
    }

    #[test]
    fn a_step_is_seen_whole_after_three_seconds_and_not_before() {
        let steady: Vec<f64> = (0..60).map(|s| if s % 2 == 0 { 4.0 } else { 6.0 }).collect();
        for (stepped, expected) in [(0, 5.0), (1, 5.0), (2, 5.0), (3, 50.0), (10, 50.0)] {
            let seconds = [&steady[..], &vec![50.0; stepped][..]].concat();
            let seen = busy(&seconds);
            assert!((seen - expected).abs() < 0.2 || (stepped == 10 && seen >= 45.0), "{stepped}: {seen}");
        }
    }

    #[test]
    fn one_burst_is_not_a_step() {
        let mut seconds = vec![5.0; 60];
        seconds[57] = 60.0;
        assert!(busy(&seconds) < 6.0);
        seconds.extend([5.0; 3]);
        assert!(busy(&seconds) < 6.5);
    }

    #[test]
    fn what_comes_to_nothing_is_forgotten_soon() {
        let seconds = [vec![5.0; MEMORY], vec![0.0; MEMORY]].concat();
        assert!(busy(&seconds).abs() < 1e-9);
    }

    #[test]
    fn rates_that_come_every_five_seconds_count_for_each_of_them() {
        let mut load = Load::default();
        for at in 0..12 {
            load.add(Timestamp::from_second(at * 5).unwrap(), Tokens::new(5.0, 0.0));
        }
        assert_eq!(load.seconds.len(), 56);
        assert!((unit().work(load.offered(unit())) - 5.0).abs() < 1e-9);
    }

    #[test]
    fn a_clock_that_jumps_does_not_grow_the_memory() {
        let mut load = Load::default();
        for at in [0, 1_000_000_000, 5, 1_000_000_001] {
            load.add(Timestamp::from_second(at).unwrap(), Tokens::new(1.0, 1.0));
        }
        assert_eq!(load.seconds.len(), MEMORY);
    }

    #[test]
    fn spread_is_of_seconds_and_not_of_a_rise() {
        let spread = |seconds: &[f64]| load(seconds).spread(unit());
        let alternating: Vec<f64> = (0..63).map(|s| if s % 2 == 0 { 4.0 } else { 6.0 }).collect();
        assert!((spread(&alternating) - 2.0).abs() < 0.05);
        let rising: Vec<f64> = (0..63).map(f64::from).collect();
        assert!((spread(&rising) - 0.5).abs() < 0.02);
        let burst = [vec![5.0; 30], vec![500.0], vec![50.0; 32]].concat();
        assert!(spread(&burst).abs() < 1e-9);
        assert!(spread(&[5.0; 63]).abs() < 1e-9);
    }

    proptest! {
        #[test]
        fn more_in_the_last_seconds_is_never_seen_as_less(
            seconds in prop::collection::vec(0.0..50.0_f64, 1..90),
            more in prop::collection::vec(0.0..50.0_f64, 3),
        ) {
            let mut raised = seconds.clone();
            for (second, more) in raised.iter_mut().rev().zip(&more) {
                *second += more;
            }
            prop_assert!(busy(&raised) >= busy(&seconds) - 1e-9);
        }
    }
}
