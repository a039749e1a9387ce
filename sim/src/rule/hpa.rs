//! The horizontal pod autoscaler with its default behaviour: every 15 s; nothing within 10 % of the target; upwards at
//! most twice as many or four more in 15 s; downwards to the largest wish of five minutes. (Kubernetes, "Horizontal
//! Pod Autoscaling", algorithm details and default behaviour of autoscaling/v2.)

use super::mean::{Largest, Mean};
use super::{Rule, Setting, replicas};
use crate::engine::View;

pub(super) const SYNC: u64 = 15;
const TOLERANCE: f64 = 0.1;
const STABILIZATION: usize = 20;
const MOST_MORE: u32 = 4;
/// A scraper sees the value of the last 15 s at best.
const SCRAPED: usize = 15;

/// Steps from a wish to replicas as `behavior` has them by default.
pub(super) struct Behavior {
    wishes: Largest,
}

impl Behavior {
    pub(super) fn new() -> Self {
        Self { wishes: Largest::of(STABILIZATION) }
    }

    pub(super) fn step(&mut self, current: u32, wish: u32) -> u32 {
        let stabilized = self.wishes.add(wish);
        if wish > current {
            wish.min((current * 2).max(current + MOST_MORE))
        } else {
            stabilized.min(current)
        }
    }
}

/// On running requests for each replica, as engines report them (`vllm:num_requests_running`).
pub(super) fn running(setting: Setting) -> Hpa {
    Hpa {
        target: setting.requests_per_replica * setting.target,
        seen: Mean::of(SCRAPED),
        behavior: Behavior::new(),
        replicas: None,
    }
}

pub(super) struct Hpa {
    target: f64,
    seen: Mean,
    behavior: Behavior,
    replicas: Option<u32>,
}

impl Rule for Hpa {
    fn decide(&mut self, view: &View) -> u32 {
        let current = *self.replicas.get_or_insert(view.replicas());
        let running = self.seen.add(f64::from(view.running));
        if !view.now.is_multiple_of(SYNC) {
            return current;
        }
        let wish = wish(running, view, current, self.target);
        let next = self.behavior.step(current, wish);
        self.replicas = Some(next);
        next
    }
}

/// Pods that are not ready count as idle when more are wanted, and not at all when fewer are.
fn wish(total: f64, view: &View, current: u32, target: f64) -> u32 {
    let ready = f64::from(view.ready.max(1));
    let usage = total / ready / target;
    if (usage - 1.0).abs() <= TOLERANCE {
        return current;
    }
    if usage < 1.0 || view.starting == 0 {
        return replicas(usage * ready);
    }
    let with_starting = total / f64::from(view.replicas()) / target;
    if with_starting <= 1.0 + TOLERANCE {
        current
    } else {
        replicas(with_starting * f64::from(view.replicas()))
    }
}
