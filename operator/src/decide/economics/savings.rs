//! What was saved so far.

use super::{TokenPrice, Usage};

/// What the same tokens would have cost outside, less what the replicas cost; below nothing where they cost more.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Savings {
    nanos: i128,
}

impl Savings {
    /// As a status has it, in nano-dollars.
    pub const fn remembered(nanos: i128) -> Self {
        Self { nanos }
    }

    /// Adds a while. Idle replicas cost too.
    pub fn add(&mut self, usage: &Usage, price: TokenPrice) {
        let outside = price.of(usage.prompt_tokens, usage.completion_tokens);
        self.nanos = self.nanos.saturating_add(i128::from(outside.0) - i128::from(usage.cost().0));
    }

    /// Nano-dollars.
    pub const fn nanos(self) -> i128 {
        self.nanos
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flotilla_crds::router_config::NanoUsd;

    #[test]
    fn busy_hours_save_and_idle_ones_cost() {
        let price = TokenPrice { input: NanoUsd(1_000_000_000), output: NanoUsd(2_000_000_000) };
        let busy = Usage {
            hourly: NanoUsd(800_000_000),
            seconds: 3600,
            prompt_tokens: 1_000_000,
            completion_tokens: 500_000,
        };
        let mut savings = Savings::default();
        savings.add(&busy, price);
        assert_eq!(savings.nanos(), 1_200_000_000);
        savings.add(&Usage { prompt_tokens: 0, completion_tokens: 0, seconds: 7200, ..busy }, price);
        assert_eq!(savings.nanos(), -400_000_000);
        assert_eq!(Savings::remembered(-5).nanos(), -5);
    }
}
