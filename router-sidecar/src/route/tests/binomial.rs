//! How often something of probability p happens in n independent tries, but for a stated rate of false alarms.

use std::ops::RangeInclusive;

/// The counts outside of which fewer than `false_alarms` of all runs fall, half of it on either side.
pub(super) fn interval(tries: u32, probability: f64, false_alarms: f64) -> RangeInclusive<u32> {
    let half = false_alarms / 2.0;
    quantile(tries, probability, half)..=tries - quantile(tries, 1.0 - probability, half)
}

/// The largest count such that fewer happen in at most `limit` of all runs.
fn quantile(tries: u32, probability: f64, limit: f64) -> u32 {
    if probability >= 1.0 {
        return tries;
    }
    // By logarithms: powers of small numbers would be zero.
    let odds = (probability / (1.0 - probability)).ln();
    let mut mass = f64::from(tries) * (1.0 - probability).ln();
    let mut below = 0.0;
    for count in 0..tries {
        below += mass.exp();
        if below > limit {
            return count;
        }
        mass += (f64::from(tries - count) / f64::from(count + 1)).ln() + odds;
    }
    tries
}

#[test]
fn intervals_are_those_of_tables() {
    // Of ten coins, 1 to 9 show heads but for 2 in 1,024 runs; and 2 to 8 but for 22 in 1,024.
    assert_eq!(interval(10, 0.5, 3.0 / 1024.0), 1..=9);
    assert_eq!(interval(10, 0.5, 23.0 / 1024.0), 2..=8);
    assert_eq!(interval(1000, 0.0, 1e-9), 0..=0);
    assert_eq!(interval(1000, 1.0, 1e-9), 1000..=1000);
    // The 95 % interval of 1,000 tries at 5 %: the normal approximation gives 36.5 to 63.5.
    assert_eq!(interval(1000, 0.05, 0.05), 37..=64);
}
