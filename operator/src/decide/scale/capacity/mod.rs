//! What one replica can do: by the card at first, as seen later.

mod book;
mod generation;
mod learned;
mod meter;
mod roofline;

pub use book::{Book, Key, OutputLength};
pub use generation::UnknownGeneration;
pub use learned::{Learned, Observation};
pub use meter::Meter;
pub use roofline::{Efficiency, Shape, roofline};

use super::Tokens;

/// The rates of one saturated replica, in tokens per second: of prompts if it did nothing else, and of completions if
/// it did nothing else. A GPU does one or the other, so that shares of its time add up.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Capacity {
    prompt: f64,
    completion: f64,
}

impl Capacity {
    /// `None` unless both rates are positive and finite.
    pub fn new(prompt: f64, completion: f64) -> Option<Self> {
        let valid = |rate: f64| rate.is_finite() && rate > 0.0;
        (valid(prompt) && valid(completion)).then_some(Self { prompt, completion })
    }

    /// Tokens per second of each kind.
    pub const fn tokens_per_second(self) -> Tokens {
        Tokens::new(self.prompt, self.completion)
    }

    /// The seconds that one replica works on so many tokens; of tokens per second, the replicas that they keep busy.
    pub fn work(self, tokens: Tokens) -> f64 {
        tokens.prompt / self.prompt + tokens.completion / self.completion
    }

    /// The same mix of both kinds, faster by a positive factor.
    #[must_use]
    pub fn scaled(self, factor: f64) -> Self {
        Self::new(self.prompt * factor, self.completion * factor).unwrap_or(self)
    }
}
