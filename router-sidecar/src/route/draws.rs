//! Draws that hug the weights.
//!
//! Independent random draws split 200 requests at 95/5 into anything from 3 to 17 external ones. The multiples
//! of the golden ratio, taken modulo one, fall as evenly as any sequence can: after n draws the share of every
//! interval is off by less than about log(n)/n, and so is the share of every weight. The step is irrational, so
//! every second or third draw alone is even as well: two rules that share the sequence do not distort each other.

use std::sync::atomic::{AtomicU64, Ordering};

/// 2^64 divided by the golden ratio.
const STEP: u64 = 0x9E37_79B9_7F4A_7C15;

/// One policy's sequence of draws, shared by all its requests.
#[derive(Debug)]
pub struct Draws(AtomicU64);

impl Draws {
    /// A sequence that starts anywhere.
    pub fn starting_at(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next draw, in [0, 1).
    pub fn next(&self) -> f64 {
        let bits = self.0.fetch_add(STEP, Ordering::Relaxed);
        // The upper 53 bits are what a double holds exactly.
        (bits >> 11) as f64 / (1_u64 << 53) as f64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_start_splits_two_hundred_requests_as_asked() {
        for seed in 0..500_u64 {
            let draws = Draws::starting_at(seed.wrapping_mul(0x1234_5678_9ABC_DEF1));
            let small = (0..200).filter(|_| draws.next() >= 0.95).count();
            assert!((8..=12).contains(&small), "seed {seed} sent {small} of 200 to a share of 5 %");
        }
    }

    #[test]
    fn every_second_draw_is_even_too() {
        let draws = Draws::starting_at(7);
        let low = (0..1000).filter(|i| draws.next() < 0.5 && i % 2 == 0).count();
        assert!((245..=255).contains(&low), "{low} of 500");
    }
}
