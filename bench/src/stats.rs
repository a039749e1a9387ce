//! Percentiles and medians.

use std::time::Duration;

/// Times of one run, in nanoseconds.
#[derive(Debug, Default, Clone)]
pub struct Times(Vec<u64>);

impl Times {
    /// Samples kept; more than any run takes, so that memory has a bound.
    const AT_MOST: usize = 2_000_000;

    /// Adds a sample.
    pub fn add(&mut self, time: Duration) {
        if self.0.len() < Self::AT_MOST {
            self.0.push(u64::try_from(time.as_nanos()).unwrap_or(u64::MAX));
        }
    }

    /// Forgets everything so far.
    pub fn clear(&mut self) {
        self.0.clear();
    }

    /// The share of samples above a limit, in 0..=1.
    pub fn share_above(&self, limit: Duration) -> f64 {
        let above = self.0.iter().filter(|nanos| u128::from(**nanos) > limit.as_nanos()).count();
        above as f64 / self.0.len().max(1) as f64
    }

    /// A percentile in microseconds, `share` in 0..=1; `None` without samples.
    pub fn percentile(&mut self, share: f64) -> Option<f64> {
        let last = self.0.len().checked_sub(1)?;
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a share of the length")]
        let place = (last as f64 * share).round() as usize;
        let (_, nanos, _) = self.0.select_nth_unstable(place.min(last));
        Some(*nanos as f64 / 1000.0)
    }
}

/// The middle of some values; the mean of the two middle ones if their number is even. `None` without values.
pub fn median(values: impl IntoIterator<Item = f64>) -> Option<f64> {
    let mut values: Vec<f64> = values.into_iter().collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    Some(if values.len().is_multiple_of(2) { f64::midpoint(values[middle - 1], upper) } else { upper })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn middles_and_percentiles_are_those_of_the_sorted_values() {
        assert_eq!(median([]), None);
        assert_eq!(median([3.0, 1.0, 2.0]), Some(2.0));
        assert_eq!(median([4.0, 1.0, 2.0, 3.0]), Some(2.5));
        let mut times = Times::default();
        assert_eq!(times.percentile(0.5), None);
        (1..=101).rev().for_each(|micros| times.add(Duration::from_micros(micros)));
        assert_eq!((times.percentile(0.5), times.percentile(0.99)), (Some(51.0), Some(100.0)));
        assert!((times.share_above(Duration::from_micros(91)) - 10.0 / 101.0).abs() < 1e-9);
    }
}
