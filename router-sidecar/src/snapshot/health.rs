//! What is known of an endpoint's health, shared by all requests and carried from config to config.

use crate::route::{EjectionRules, History, Standing};
use crate::upstream::Blame;
use parking_lot::Mutex;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The history of one endpoint.
#[derive(Debug)]
pub struct Health(Mutex<History>);

impl Default for Health {
    fn default() -> Self {
        Self(Mutex::new(History::new(Instant::now())))
    }
}

impl Health {
    /// Whether to use it now.
    pub fn standing(&self, now: Instant) -> Standing {
        self.0.lock().standing(now)
    }

    /// A request goes there, which has this long to its first content. On probation it may be the one that decides.
    pub fn begin(self: &Arc<Self>, now: Instant, longest: Duration) -> Option<Probe> {
        let until = self.0.lock().begin(now, longest)?;
        Some(Probe { health: Arc::clone(self), until })
    }

    /// The first content of its answer to an attempt that began then is there.
    pub fn begins_to_answer(&self, now: Instant, begun: Instant) {
        self.0.lock().begins_to_answer(now, begun);
    }

    /// It answered an attempt that began then to the end: by its model, or else by telling the client what is wrong
    /// with its request.
    pub fn answered(&self, now: Instant, begun: Instant, by_model: bool) {
        let mut history = self.0.lock();
        history.success(now, begun);
        if by_model {
            history.worked(now);
        }
    }

    /// Whether its model has answered since then.
    pub fn has_worked_since(&self, then: Instant) -> bool {
        self.0.lock().has_worked_since(then)
    }

    /// It failed an attempt that began then, before its first content, which says this about it; true if that ejects it.
    pub fn failed(&self, now: Instant, begun: Instant, blame: Blame, rules: &EjectionRules) -> bool {
        let mut history = self.0.lock();
        match blame {
            Blame::Fault => history.failure(now, begun, rules),
            Blame::CoolDown(rest) => {
                history.cool_down(now, rest);
                false
            }
            Blame::None => {
                history.success(now, begun);
                false
            }
        }
    }

    /// Its answer to an attempt that began then broke off; true if that ejects it.
    pub fn broke_off(&self, now: Instant, begun: Instant, rules: &EjectionRules) -> bool {
        self.0.lock().failure(now, begun, rules)
    }
}

/// A request that decides about an endpoint on probation. If it ends without an outcome, as when its client leaves,
/// another one may try.
#[derive(Debug)]
pub struct Probe {
    health: Arc<Health>,
    until: Instant,
}

impl Drop for Probe {
    fn drop(&mut self) {
        self.health.0.lock().give_up(self.until);
    }
}
