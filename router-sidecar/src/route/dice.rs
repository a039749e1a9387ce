//! Numbers for choices that need no more than being well mixed.

use super::mix;
use std::sync::atomic::{AtomicU64, Ordering};

/// A stream of well-mixed numbers (splitmix64).
#[derive(Debug)]
pub struct Dice(AtomicU64);

impl Dice {
    /// A stream that starts anywhere.
    pub fn starting_at(seed: u64) -> Self {
        Self(AtomicU64::new(seed))
    }

    /// The next number.
    pub fn roll(&self) -> u64 {
        mix(self.0.fetch_add(0x9E37_79B9_7F4A_7C15, Ordering::Relaxed))
    }
}
