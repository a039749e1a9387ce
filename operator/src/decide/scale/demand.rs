//! What clients ask for.

use jiff::Timestamp;
use std::ops::{Add, AddAssign, Mul};

/// Tokens of both kinds, or tokens per second.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Tokens {
    /// Tokens that a replica reads.
    pub prompt: f64,
    /// Tokens that it writes, as predicted when a request comes and as counted when it went.
    pub completion: f64,
}

impl Tokens {
    /// Both kinds.
    pub const fn new(prompt: f64, completion: f64) -> Self {
        Self { prompt, completion }
    }

    /// Whether there are none.
    pub fn is_zero(self) -> bool {
        self.prompt <= 0.0 && self.completion <= 0.0
    }
}

impl Add for Tokens {
    type Output = Self;

    fn add(self, other: Self) -> Self {
        Self::new(self.prompt + other.prompt, self.completion + other.completion)
    }
}

impl AddAssign for Tokens {
    fn add_assign(&mut self, other: Self) {
        *self = *self + other;
    }
}

impl Mul<f64> for Tokens {
    type Output = Self;

    fn mul(self, factor: f64) -> Self {
        Self::new(self.prompt * factor, self.completion * factor)
    }
}

/// The demand for one model, summed over the routers that reported.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Demand {
    /// When the oldest report that is summed was made.
    pub at: Timestamp,
    /// Tokens of requests that came in the last second, per second; served or not.
    pub offered: Tokens,
    /// Tokens of requests that wait, in a router for a replica or in an engine for a slot.
    pub waiting: Tokens,
    /// Requests that wait or are being answered.
    pub in_flight: u32,
}

impl Demand {
    /// Both together; as old as the older one.
    #[must_use]
    pub fn plus(&self, other: &Self) -> Self {
        Self {
            at: self.at.min(other.at),
            offered: self.offered + other.offered,
            waiting: self.waiting + other.waiting,
            in_flight: self.in_flight.saturating_add(other.in_flight),
        }
    }

    /// Whether nobody wants anything.
    pub fn is_idle(&self) -> bool {
        self.in_flight == 0 && self.offered.is_zero() && self.waiting.is_zero()
    }
}
