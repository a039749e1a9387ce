//! Passive ejection: an endpoint that fails under real traffic is left alone for a while, then tried again by one
//! request. Pure: what happened and when goes in, a standing comes out.
//!
//! Each attempt has one outcome. That of a stream is known at its end: its first content ends a probation, since others
//! need not wait for the end, but not a row of failures.
//!
//! ```text
//!            enough failures                     time is over
//!   Good ---------------------> Ejected(until) --------------> Probation
//!     ^                             ^                              | one request
//!     |            it fails: twice as long                        |
//!     |                             +------------------------------+
//!     +------------------------------------------- it succeeds ----+
//! ```
//!
//! An attempt that began before an ejection says nothing of what came after it: however it ends, it counts among recent
//! requests, and that is all.

use std::time::{Duration, Instant};

/// When to eject and for how long.
#[derive(Debug, Clone, Copy)]
pub struct EjectionRules {
    /// Failures in a row; 0: never for this.
    pub consecutive_failures: u32,
    /// Failures in percent of recent requests; 0: never for this.
    pub failure_percent: u32,
    /// Recent requests below which the percentage says nothing.
    pub min_requests: u32,
    /// The first ejection.
    pub base: Duration,
    /// The longest.
    pub max: Duration,
}

/// Whether an endpoint, or a target as the best of its endpoints, should be used now.
///
/// Ordered: what comes first is to be preferred.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Standing {
    /// As any other.
    Good,
    /// Left alone until then, because it failed or asked for a rest.
    Resting {
        /// When it may be tried again; the earlier, the better.
        until: Instant,
        /// Whether only failures brought it here, and no 429 whose rest goes on.
        ejected: bool,
    },
}

impl Standing {
    /// Whether it rests because it said so by a 429: then it is not tried, however others fail.
    pub fn asked_for_rest(self) -> bool {
        matches!(self, Self::Resting { ejected: false, .. })
    }
}

/// Recent requests are those of this time and the same time before it.
const WINDOW: Duration = Duration::from_secs(15);

/// What is remembered of one endpoint.
#[derive(Debug, Clone)]
pub struct History {
    consecutive: u32,
    /// Requests and failures in this window and in the one before.
    now: (u32, u32),
    before: (u32, u32),
    window_start: Instant,
    /// When it was last ejected; kept when that is over, since attempts from before may still be under way.
    ejected_at: Option<Instant>,
    ejected_until: Option<Instant>,
    /// Ejections in a row.
    times: u32,
    cooling_until: Option<Instant>,
    probe_until: Option<Instant>,
    worked: Option<Instant>,
}

impl History {
    /// Nothing is known.
    pub fn new(now: Instant) -> Self {
        Self {
            consecutive: 0,
            now: (0, 0),
            before: (0, 0),
            window_start: now,
            ejected_at: None,
            ejected_until: None,
            times: 0,
            cooling_until: None,
            probe_until: None,
            worked: None,
        }
    }

    /// Whether to use it now.
    pub fn standing(&self, now: Instant) -> Standing {
        let later = |at: Option<Instant>| at.filter(|at| *at > now);
        // On probation only one request at a time gets through.
        let ejected = later(self.ejected_until).max(later(self.probe_until));
        match (ejected, later(self.cooling_until)) {
            (None, None) => Standing::Good,
            (Some(until), None) => Standing::Resting { until, ejected: true },
            (ejected, Some(until)) => {
                Standing::Resting { until: ejected.map_or(until, |e| e.max(until)), ejected: false }
            }
        }
    }

    /// A request goes there: on probation it is the one that decides, and keeps others off until this long has passed,
    /// its outcome is known or it is given up. Gives when that is, if it is the one.
    pub fn begin(&mut self, now: Instant, longest: Duration) -> Option<Instant> {
        let on_probation = self.ejected_until.is_some_and(|until| until <= now);
        if !on_probation || self.probe_until.is_some_and(|until| until > now) {
            return None;
        }
        self.probe_until = Some(now + longest);
        self.probe_until
    }

    /// The request that was to decide, until then, has ended without saying anything: the next one may.
    pub fn give_up(&mut self, until: Instant) {
        if self.probe_until == Some(until) {
            self.probe_until = None;
        }
    }

    /// The first content of the answer to an attempt that began then is there: whoever was kept off by a probation is
    /// let in again. How the answer ends counts later.
    pub fn begins_to_answer(&mut self, now: Instant, begun: Instant) {
        if !self.is_old(begun) && self.ejected_until.is_some_and(|until| until <= now) {
            self.ejected_until = None;
            self.probe_until = None;
        }
    }

    /// It answered an attempt that began then, to the end.
    pub fn success(&mut self, now: Instant, begun: Instant) {
        self.count(now, 0);
        if self.is_old(begun) {
            return;
        }
        self.consecutive = 0;
        self.ejected_until = None;
        self.probe_until = None;
        self.times = 0;
    }

    /// What it answered was asked of its model: a refusal says nothing of that.
    pub fn worked(&mut self, now: Instant) {
        self.worked = Some(now);
    }

    /// Whether its model has answered since then.
    pub fn has_worked_since(&self, then: Instant) -> bool {
        self.worked.is_some_and(|at| at >= then)
    }

    /// It failed an attempt that began then; true if that ejects it.
    pub fn failure(&mut self, now: Instant, begun: Instant, rules: &EjectionRules) -> bool {
        self.count(now, 1);
        if self.is_old(begun) {
            return false;
        }
        self.consecutive = self.consecutive.saturating_add(1);
        // It was tried for want of another, and is left alone already.
        if self.ejected_until.is_some_and(|until| until > now) {
            return false;
        }
        let on_probation = self.ejected_until.is_some();
        if !on_probation && !self.too_many(rules) {
            return false;
        }
        let doubled = rules.base.saturating_mul(1_u32.checked_shl(self.times).unwrap_or(u32::MAX));
        self.ejected_at = Some(now);
        self.ejected_until = Some(now + doubled.min(rules.max));
        self.probe_until = None;
        self.times = self.times.saturating_add(1);
        // Those failures have had their effect.
        (self.now, self.before) = ((0, 0), (0, 0));
        true
    }

    /// It asks to be left alone.
    pub fn cool_down(&mut self, now: Instant, rest: Duration) {
        self.cooling_until = self.cooling_until.max(Some(now + rest));
    }

    /// Whether an attempt was under way when it was ejected: it says nothing new.
    fn is_old(&self, begun: Instant) -> bool {
        self.ejected_at.is_some_and(|at| begun < at)
    }

    fn too_many(&self, rules: &EjectionRules) -> bool {
        let in_a_row = rules.consecutive_failures > 0 && self.consecutive >= rules.consecutive_failures;
        let (requests, failures) = (self.now.0 + self.before.0, self.now.1 + self.before.1);
        let share = u64::from(failures) * 100 >= u64::from(rules.failure_percent) * u64::from(requests);
        in_a_row || (rules.failure_percent > 0 && requests >= rules.min_requests.max(1) && share)
    }

    fn count(&mut self, now: Instant, failures: u32) {
        let age = now.saturating_duration_since(self.window_start);
        if age >= WINDOW {
            self.before = if age < WINDOW * 2 { self.now } else { (0, 0) };
            self.now = (0, 0);
            self.window_start = now;
        }
        self.now = (self.now.0.saturating_add(1), self.now.1.saturating_add(failures));
    }
}

#[cfg(test)]
mod tests;
