//! The largest value of a window.

use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;

/// A window is looked at in so many parts, which bounds what is kept of it.
const PARTS: i32 = 60;

/// The largest value of the last so long, each step at constant cost on average: a value is dropped as soon as a later
/// one is as large, and of one part only the largest is kept.
#[derive(Debug, Clone)]
pub(super) struct Peak {
    window: SignedDuration,
    /// The part, and its largest value.
    falling: VecDeque<(i128, f64)>,
}

impl Peak {
    pub(super) fn new(window: SignedDuration) -> Self {
        Self { window, falling: VecDeque::new() }
    }

    /// Adds a value and returns the largest of the window that ends with it. A value counts until its part has left
    /// the window: never shorter than the window, and at most a sixtieth longer.
    pub(super) fn add(&mut self, now: Timestamp, value: f64) -> f64 {
        let part = (self.window.as_nanos() / i128::from(PARTS)).max(1);
        let current = now.as_nanosecond().div_euclid(part);
        while self.falling.back().is_some_and(|(_, earlier)| *earlier <= value) {
            self.falling.pop_back();
        }
        if self.falling.back().is_none_or(|(part, _)| *part != current) {
            self.falling.push_back((current, value));
        }
        while self.falling.front().is_some_and(|(part, _)| current - part > i128::from(PARTS)) {
            self.falling.pop_front();
        }
        self.falling.front().map_or(value, |(_, largest)| *largest)
    }

    pub(super) fn clear(&mut self) {
        self.falling.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn it_is_the_largest_of_the_window_or_of_little_more(
            values in prop::collection::vec((1_i64..20, 0.0..100.0_f64), 1..200),
        ) {
            let window = SignedDuration::from_secs(300);
            let mut peak = Peak::new(window);
            let mut seen: Vec<(i64, f64)> = Vec::new();
            let mut now = 0;
            for (step, value) in values {
                now += step;
                seen.push((now, value));
                let largest_since = |since: i64| {
                    seen.iter().filter(|(at, _)| *at > since).map(|(_, v)| *v).fold(0.0, f64::max)
                };
                let peak = peak.add(Timestamp::from_second(now).unwrap(), value);
                prop_assert!(peak >= largest_since(now - 300));
                prop_assert!(peak <= largest_since(now - 306));
            }
        }
    }

    #[test]
    fn memory_is_bounded() {
        let mut peak = Peak::new(SignedDuration::from_secs(600));
        for second in 0..10_000 {
            peak.add(
                Timestamp::from_second(second).unwrap(),
                1e6 - f64::from(i32::try_from(second).unwrap()),
            );
        }
        assert!(peak.falling.len() <= 62, "{}", peak.falling.len());
    }
}
