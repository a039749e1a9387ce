//! KEDA on generated tokens per second: a Prometheus query of the rate over a minute, which the horizontal pod
//! autoscaler divides by the value that one replica should have (an external metric of type AverageValue).

use super::hpa::{Behavior, SYNC};
use super::mean::Mean;
use super::{Rule, Setting, replicas};
use crate::engine::View;

const RATE: usize = 60;
const TOLERANCE: f64 = 0.1;

pub(super) struct Keda {
    target: f64,
    rate: Mean,
    behavior: Behavior,
    replicas: Option<u32>,
}

impl Keda {
    pub(super) fn new(setting: Setting) -> Self {
        Self {
            target: setting.completions_per_replica * setting.target,
            rate: Mean::of(RATE),
            behavior: Behavior::new(),
            replicas: None,
        }
    }
}

impl Rule for Keda {
    fn decide(&mut self, view: &View) -> u32 {
        let current = *self.replicas.get_or_insert(view.replicas());
        let rate = self.rate.add(view.served_completion);
        if !view.now.is_multiple_of(SYNC) {
            return current;
        }
        let usage = rate / (self.target * f64::from(current));
        let wish = if (usage - 1.0).abs() <= TOLERANCE { current } else { replicas(rate / self.target) };
        let next = self.behavior.step(current, wish);
        self.replicas = Some(next);
        next
    }
}
