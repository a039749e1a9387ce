//! One model whose replicas do as they are told at once, and a clock.

use crate::decide::scale::{
    Capacity, Decision, Demand, History, Policy, Scaler, Situation, Supply, Tokens, Variant,
};
use jiff::{SignedDuration, Timestamp};

/// 2026-01-05T00:00:00Z, a Monday.
pub(super) const START: i64 = 1_767_571_200;

pub(super) struct World {
    pub(super) now: Timestamp,
    pub(super) policy: Policy,
    pub(super) variants: Vec<Variant>,
    pub(super) scaler: Scaler,
    /// Decisions that changed anything: the second, replicas before and after.
    pub(super) changes: Vec<(i64, u32, u32)>,
    /// What the first variant would tell of them.
    pub(super) history: History,
}

/// One token keeps a replica busy for a second.
pub(super) fn variant(ready: u32) -> Variant {
    Variant {
        capacity: Capacity::new(1.0, 1.0).unwrap(),
        hourly_cost: 1.0,
        min_replicas: 0,
        max_replicas: 1000,
        supply: Supply { ready, ..Supply::default() },
        room: None,
        gpus: 1,
        pool: None,
    }
}

/// Figures of the tests are for these thresholds.
pub(super) fn policy() -> Policy {
    Policy { target_utilization: 0.85, shrink_utilization: 0.70, ..Policy::default() }
}

impl World {
    pub(super) fn new(policy: Policy, variants: Vec<Variant>) -> Self {
        let scaler = Scaler::new(&policy);
        let now = Timestamp::from_second(START).unwrap();
        Self { now, policy, variants, scaler, changes: Vec::new(), history: History::default() }
    }

    pub(super) fn one(ready: u32) -> Self {
        Self::new(policy(), vec![variant(ready)])
    }

    pub(super) fn second(&self) -> i64 {
        self.now.as_second() - START
    }

    pub(super) fn demand(&self, busy: f64, waiting: f64) -> Demand {
        Demand {
            at: self.now,
            offered: Tokens::new(busy, 0.0),
            waiting: Tokens::new(waiting, 0.0),
            in_flight: u32::from(busy > 0.0 || waiting > 0.0),
        }
    }

    /// One pass, a second after the one before; what it decides is there at once.
    pub(super) fn pass(&mut self, demand: Option<Demand>) -> Decision {
        self.now += SignedDuration::from_secs(1);
        let demand = demand.map(|demand| Demand { at: self.now, ..demand });
        self.decide(demand)
    }

    /// One pass without moving the clock.
    pub(super) fn decide(&mut self, demand: Option<Demand>) -> Decision {
        let situation = Situation { policy: &self.policy, variants: &self.variants, demand };
        let decision = self.scaler.decide(&situation, self.now);
        let before: u32 = self.variants.iter().map(|v| v.supply.replicas()).sum();
        for (variant, count) in self.variants.iter_mut().zip(&decision.replicas) {
            let supply = &mut variant.supply;
            if *count >= supply.replicas() {
                supply.ready += *count - supply.replicas();
            } else {
                *supply = Supply { ready: *count, ..Supply::default() };
            }
        }
        if let Some(change) = decision.change(0, self.now) {
            self.history.add(change);
        }
        if decision.total() != before {
            self.changes.push((self.second(), before, decision.total()));
        }
        decision
    }

    /// So many seconds of one demand; the last decision.
    pub(super) fn run(&mut self, seconds: usize, busy: f64) -> Decision {
        let demand = self.demand(busy, 0.0);
        let mut last = self.pass(Some(demand));
        for _ in 1..seconds {
            last = self.pass(Some(demand));
        }
        last
    }

    pub(super) fn replicas(&self) -> u32 {
        self.variants.iter().map(|v| v.supply.replicas()).sum()
    }
}
