//! The operator's decision, as it is.

use super::Rule;
use crate::engine::{Machine, View};
use flotilla_operator::decide::scale::{
    Capacity, Demand, Learned, Meter, Policy, Scaler, Situation, Supply, Tokens, Variant,
};
use jiff::{SignedDuration, Timestamp};

/// More than any trace needs.
const MOST_REPLICAS: u32 = 10_000;

/// Drives [`Scaler`] and what it learns about capacity.
pub struct Flotilla {
    policy: Policy,
    scaler: Scaler,
    prior: Capacity,
    learned: Learned,
    meter: Meter,
}

impl Flotilla {
    /// `None` for a machine or an error of the prior that cannot be. `prior` is how much faster replicas are believed
    /// to be at first than they are.
    pub fn new(policy: Policy, machine: &Machine, prior: f64) -> Option<Self> {
        let start_time = SignedDuration::try_from_secs_f64(machine.start_seconds).ok()?;
        let policy = Policy { start_time, ..policy };
        let prior = Capacity::new(
            machine.prompt_tokens_per_second * prior,
            machine.completion_tokens_per_second() * prior,
        )?;
        let (scaler, learned) = (Scaler::new(&policy), Learned::default());
        Some(Self { policy, scaler, prior, learned, meter: Meter::default() })
    }
}

impl Rule for Flotilla {
    fn decide(&mut self, view: &View) -> u32 {
        let Some(now) = i64::try_from(view.now).ok().and_then(|second| Timestamp::from_second(second).ok())
        else {
            return view.replicas();
        };
        let served = Tokens::new(view.served_prompt, view.served_completion);
        let answering = Tokens::new(0.0, f64::from(view.running) * view.mean_completion);
        if let Some(seen) = self.meter.add(now, view.ready, served, answering, view.waiting > 0) {
            self.learned.observe(self.prior, seen);
        }
        let arrives_in =
            (view.starting > 0).then(|| SignedDuration::try_from_secs_f64(view.arrives_in).ok()).flatten();
        let variant = Variant {
            capacity: self.learned.capacity(self.prior),
            hourly_cost: 1.0,
            min_replicas: 1,
            max_replicas: MOST_REPLICAS,
            supply: Supply {
                ready: view.ready,
                loading: view.starting,
                pending: 0,
                stuck: 0,
                failing: 0,
                draining: view.draining,
                may_stay: 0,
                arrives_in,
            },
            room: None,
            gpus: 1,
            pool: None,
        };
        let length = view.mean_completion;
        let demand = Demand {
            at: now,
            offered: Tokens::new(view.offered_prompt, f64::from(view.offered_requests) * length),
            waiting: Tokens::new(view.waiting_prompt, f64::from(view.waiting) * length),
            in_flight: view.in_flight(),
        };
        let situation = Situation { policy: &self.policy, variants: &[variant], demand: Some(demand) };
        self.scaler.decide(&situation, now).total()
    }
}
