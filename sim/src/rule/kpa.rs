//! Knative's pod autoscaler: every 2 s, requests in flight on average over 60 s over the target of requests for each
//! replica; in panic, which is twice as many as there are ready by the mean of 6 s, by that mean and never fewer until
//! 60 s have passed without panic. At most half as many at once downwards. (Knative Serving, `config-autoscaler`
//! defaults: stable-window 60s, panic-window-percentage 10, panic-threshold-percentage 200, max-scale-down-rate 2.)

use super::mean::Mean;
use super::{Rule, Setting, replicas};
use crate::engine::View;

const TICK: u64 = 2;
const STABLE: u64 = 60;
const PANIC: usize = 6;
const PANIC_THRESHOLD: f64 = 2.0;
const DOWN_RATE: f64 = 2.0;

pub(super) struct Kpa {
    target: f64,
    stable: Mean,
    panic: Mean,
    panicked_at: Option<u64>,
    most: u32,
    replicas: Option<u32>,
}

impl Kpa {
    pub(super) fn new(setting: Setting) -> Self {
        Self {
            target: setting.requests_per_replica * setting.target,
            stable: Mean::of(usize::try_from(STABLE).unwrap_or(usize::MAX)),
            panic: Mean::of(PANIC),
            panicked_at: None,
            most: 0,
            replicas: None,
        }
    }
}

impl Rule for Kpa {
    fn decide(&mut self, view: &View) -> u32 {
        let current = *self.replicas.get_or_insert(view.replicas());
        let in_flight = f64::from(view.in_flight());
        let (stable, panic) = (self.stable.add(in_flight), self.panic.add(in_flight));
        if !view.now.is_multiple_of(TICK) {
            return current;
        }
        let ready = f64::from(view.ready.max(1));
        let fewest = (ready / DOWN_RATE).floor();
        let (stable, panic) = (replicas((stable / self.target).max(fewest)), replicas(panic / self.target));
        if f64::from(panic) / ready >= PANIC_THRESHOLD {
            self.panicked_at = Some(view.now);
        } else if self.panicked_at.is_some_and(|at| view.now - at > STABLE) {
            self.panicked_at = None;
            self.most = 0;
        }
        let next = if self.panicked_at.is_some() {
            self.most = self.most.max(stable).max(panic);
            self.most
        } else {
            stable
        };
        self.replicas = Some(next);
        next
    }
}
