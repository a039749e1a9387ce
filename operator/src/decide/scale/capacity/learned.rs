//! What was seen of a capacity.

use super::{Capacity, Tokens};

/// Weight of a new observation once there are several: the last ten count for two thirds.
const WEIGHT: f64 = 0.1;
/// A capacity is not believed to be further from the prior than this, either way: beyond, something else is wrong.
const FURTHEST: f64 = 8.0;

/// What replicas served over a while.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    /// Tokens per second, of all replicas together.
    pub served: Tokens,
    /// Replicas that served.
    pub replicas: f64,
    /// Whether requests waited all the while, so that more could not have been served.
    pub saturated: bool,
}

/// How much faster than the prior replicas are.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Learned {
    factor: f64,
    observations: u32,
}

impl Default for Learned {
    fn default() -> Self {
        Self { factor: 1.0, observations: 0 }
    }
}

impl Learned {
    /// As it was written into a status; `None` if that cannot be.
    pub fn remembered(factor: f64, observations: u32) -> Option<Self> {
        (1.0 / FURTHEST..=FURTHEST).contains(&factor).then_some(Self { factor, observations })
    }

    /// Takes an observation in. Under saturation it moves the mean; otherwise it can only show that replicas do more
    /// than was believed.
    pub fn observe(&mut self, prior: Capacity, seen: Observation) {
        let factor = prior.work(seen.served) / seen.replicas;
        if !factor.is_finite() {
            return;
        }
        let factor = factor.clamp(1.0 / FURTHEST, FURTHEST);
        if seen.saturated {
            self.observations = self.observations.saturating_add(1);
            let weight = WEIGHT.max(1.0 / f64::from(self.observations));
            self.factor += (factor - self.factor) * weight;
        } else {
            self.factor = self.factor.max(factor);
        }
    }

    /// The factor on the prior.
    pub const fn factor(&self) -> f64 {
        self.factor
    }

    /// Observations under saturation; none means that the prior is all there is.
    pub const fn observations(&self) -> u32 {
        self.observations
    }

    /// The capacity that is believed in.
    pub fn capacity(&self, prior: Capacity) -> Capacity {
        prior.scaled(self.factor)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn prior() -> Capacity {
        Capacity::new(1000.0, 100.0).unwrap()
    }

    fn seen(prompt: f64, completion: f64, saturated: bool) -> Observation {
        Observation { served: Tokens::new(prompt, completion), replicas: 2.0, saturated }
    }

    #[test]
    fn the_first_observation_under_saturation_replaces_the_prior_and_later_ones_move_it() {
        let mut learned = Learned::default();
        learned.observe(prior(), seen(800.0, 80.0, true));
        assert!((learned.factor() - 0.8).abs() < 1e-9);
        let half = learned.capacity(prior()).tokens_per_second();
        assert!((half.prompt - 800.0).abs() < 1e-9 && (half.completion - 80.0).abs() < 1e-9);
        for _ in 0..60 {
            learned.observe(prior(), seen(1200.0, 120.0, true));
        }
        assert!((1.19..=1.2).contains(&learned.factor()), "{}", learned.factor());
    }

    #[test]
    fn without_a_queue_only_more_than_believed_says_anything() {
        let mut learned = Learned::default();
        learned.observe(prior(), seen(100.0, 0.0, false));
        assert!((learned.factor() - 1.0).abs() < f64::EPSILON);
        learned.observe(prior(), seen(2600.0, 0.0, false));
        assert!((learned.factor() - 1.3).abs() < 1e-9);
        assert_eq!(learned.observations(), 0);
    }

    #[test]
    fn nonsense_is_bounded() {
        let mut learned = Learned::default();
        learned.observe(prior(), seen(f64::NAN, 0.0, true));
        learned.observe(prior(), Observation { replicas: 0.0, ..seen(1.0, 1.0, true) });
        assert_eq!(learned, Learned::default());
        learned.observe(prior(), seen(1e30, 0.0, true));
        assert!((learned.factor() - FURTHEST).abs() < f64::EPSILON);
        assert_eq!(Learned::remembered(f64::NAN, 1), None);
        assert_eq!(Learned::remembered(100.0, 1), None);
        assert_eq!(Learned::remembered(0.5, 3).map(|l| l.observations()), Some(3));
    }
}
