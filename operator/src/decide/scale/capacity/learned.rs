//! What was seen of a capacity.

use super::{Capacity, Tokens};

/// A new observation weighs as much as all before it, up to so many: the last ten count for two thirds.
const ENOUGH: u32 = 10;
/// A capacity is not believed to be further from the prior than this, either way: beyond, something else is wrong.
const FURTHEST: f64 = 8.0;
/// Rates are written down in whole tokens per second; that, or so much of them, they may be off by.
const ROUNDING: f64 = 0.01;

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

/// What one replica was seen to do, if anything was seen yet.
///
/// The rates stand for themselves, so that they can be written down. They are believed as long as they are the prior's
/// mix of both kinds, faster or slower by a factor: where the prior is computed otherwise than when they were learned,
/// the split between both kinds is not known.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Learned {
    rates: Option<Capacity>,
    observations: u32,
}

impl Learned {
    /// As it was written down.
    pub fn remembered(rates: Capacity, observations: u32) -> Self {
        Self { rates: Some(rates), observations: observations.min(ENOUGH) }
    }

    /// Takes an observation in. Under saturation it moves the mean; otherwise it can only show that replicas do more
    /// than was believed, and beside what was seen under saturation it is one among others: which tokens belong to the
    /// time before is only estimated without a queue.
    pub fn observe(&mut self, prior: Capacity, seen: Observation) {
        let factor = prior.work(seen.served) / seen.replicas;
        if !factor.is_finite() {
            return;
        }
        let factor = factor.clamp(1.0 / FURTHEST, FURTHEST);
        let known = self.factor(prior);
        let before = known.unwrap_or(1.0);
        if seen.saturated {
            let observations = if known.is_some() { self.observations } else { 0 };
            self.observations = observations.saturating_add(1).min(ENOUGH);
            let weight = 1.0 / f64::from(self.observations);
            self.rates = Some(prior.scaled(before + (factor - before) * weight));
        } else if factor > before {
            self.observations = if known.is_some() { self.observations } else { 0 };
            let weight = 1.0 / f64::from(self.observations.saturating_add(1));
            self.rates = Some(prior.scaled(before + (factor - before) * weight));
        }
    }

    /// How much faster than the prior replicas are; none if nothing was seen, or if that says nothing beside this
    /// prior.
    pub fn factor(&self, prior: Capacity) -> Option<f64> {
        let Tokens { prompt, completion } = self.rates?.tokens_per_second();
        let factor = (prompt + completion) / (prior.prompt + prior.completion);
        let same = |rate: f64, prior: f64| (rate - factor * prior).abs() <= (ROUNDING * rate).max(1.0);
        let same_mix = same(prompt, prior.prompt) && same(completion, prior.completion);
        (same_mix && (1.0 / FURTHEST - ROUNDING..=FURTHEST + ROUNDING).contains(&factor)).then_some(factor)
    }

    /// What was seen.
    pub const fn rates(&self) -> Option<Capacity> {
        self.rates
    }

    /// Observations under saturation, as far as they count; none means that replicas were at most seen to do more than
    /// was believed.
    pub const fn observations(&self) -> u32 {
        self.observations
    }

    /// The capacity that is believed in.
    pub fn capacity(&self, prior: Capacity) -> Capacity {
        self.factor(prior).map_or(prior, |factor| prior.scaled(factor))
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

    fn factor(learned: &Learned) -> f64 {
        learned.factor(prior()).unwrap_or(1.0)
    }

    #[test]
    fn the_first_observation_under_saturation_replaces_the_prior_and_later_ones_move_it() {
        let mut learned = Learned::default();
        learned.observe(prior(), seen(800.0, 80.0, true));
        assert!((factor(&learned) - 0.8).abs() < 1e-9);
        let half = learned.capacity(prior()).tokens_per_second();
        assert!((half.prompt - 800.0).abs() < 1e-9 && (half.completion - 80.0).abs() < 1e-9);
        for _ in 0..60 {
            learned.observe(prior(), seen(1200.0, 120.0, true));
        }
        assert!((1.19..=1.2).contains(&factor(&learned)), "{learned:?}");
        assert_eq!(learned.observations(), ENOUGH, "more do not count");
    }

    #[test]
    fn without_a_queue_only_more_than_believed_says_anything() {
        let mut learned = Learned::default();
        learned.observe(prior(), seen(100.0, 0.0, false));
        assert_eq!(learned, Learned::default());
        learned.observe(prior(), seen(2600.0, 0.0, false));
        assert!((factor(&learned) - 1.3).abs() < 1e-9);
        assert_eq!(learned.observations(), 0);
    }

    #[test]
    fn one_outlier_without_a_queue_does_not_outweigh_what_was_seen_under_saturation() {
        let mut learned = Learned::default();
        for _ in 0..10 {
            learned.observe(prior(), seen(1000.0, 100.0, true));
        }
        learned.observe(prior(), seen(6000.0, 600.0, false));
        learned.observe(prior(), seen(1000.0, 100.0, true));
        assert!(factor(&learned) < 1.5, "{learned:?}");
        for _ in 0..60 {
            learned.observe(prior(), seen(2000.0, 200.0, false));
        }
        assert!(factor(&learned) > 1.95, "what is seen again and again counts: {learned:?}");
    }

    #[test]
    fn nonsense_is_bounded() {
        let mut learned = Learned::default();
        learned.observe(prior(), seen(f64::NAN, 0.0, true));
        learned.observe(prior(), Observation { replicas: 0.0, ..seen(1.0, 1.0, true) });
        assert_eq!(learned, Learned::default());
        learned.observe(prior(), seen(1e30, 0.0, true));
        assert!((factor(&learned) - FURTHEST).abs() < 1e-9);
    }

    #[test]
    fn rates_that_were_written_down_hold_for_the_prior_that_they_were_learned_beside() {
        for (prompt, completion, expected) in [
            (500.0, 50.0, Some(0.5)),
            (333.0, 33.0, Some(0.333)),
            (8000.0, 800.0, Some(8.0)),
            (9000.0, 900.0, None),
            (100.0, 10.0, None),
            (500.0, 80.0, None),
        ] {
            let learned = Learned::remembered(Capacity::new(prompt, completion).unwrap(), 3);
            let found = learned.factor(prior());
            assert_eq!(found.map(|f| (f * 1e3).round()), expected.map(|f| f * 1e3), "{prompt}, {completion}");
            let believed = learned.capacity(prior()).tokens_per_second().prompt;
            assert!((believed - 1000.0 * expected.unwrap_or(1.0)).abs() < 1.0, "{prompt}, {completion}");
        }
    }

    #[test]
    fn beside_another_prior_it_is_learned_anew() {
        let mut learned = Learned::remembered(Capacity::new(500.0, 50.0).unwrap(), 9);
        let other = Capacity::new(1000.0, 1000.0).unwrap();
        learned.observe(other, seen(2000.0, 0.0, false));
        assert_eq!(learned.factor(other), None, "as much as is believed is no news");
        learned.observe(other, seen(1000.0, 0.0, true));
        assert_eq!((learned.factor(other), learned.observations()), (Some(0.5), 1));
    }
}
