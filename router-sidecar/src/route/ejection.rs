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
mod tests {
    use super::*;

    const RULES: EjectionRules = EjectionRules {
        consecutive_failures: 3,
        failure_percent: 50,
        min_requests: 10,
        base: Duration::from_secs(10),
        max: Duration::from_mins(1),
    };

    /// What a probe has to its first content.
    const PROBE: Duration = Duration::from_mins(1);

    fn second(n: u64) -> Duration {
        Duration::from_secs(n)
    }

    fn ejected_after(history: &mut History, at: Instant, failures: u32) -> bool {
        (0..failures).fold(false, |_, _| history.failure(at, at, &RULES))
    }

    #[test]
    fn failures_in_a_row_eject_and_a_success_between_them_does_not() {
        let start = Instant::now();
        let mut history = History::new(start);
        assert!(!ejected_after(&mut history, start, 2));
        history.success(start, start);
        assert!(!ejected_after(&mut history, start, 2));
        assert_eq!(history.standing(start), Standing::Good);
        assert!(history.failure(start, start, &RULES));
        let until = start + second(10);
        assert_eq!(history.standing(start), Standing::Resting { until, ejected: true });
    }

    #[test]
    fn half_of_recent_requests_failing_ejects_whatever_their_order() {
        let start = Instant::now();
        let mut history = History::new(start);
        for _ in 0..5 {
            history.success(start, start);
            assert_eq!(history.standing(start), Standing::Good);
            history.failure(start, start, &RULES);
        }
        assert_ne!(history.standing(start), Standing::Good);
        // The same failures long ago say nothing about now.
        let mut history = History::new(start);
        for _ in 0..4 {
            history.success(start, start);
            history.failure(start, start, &RULES);
        }
        let later = start + second(60);
        (0..5).for_each(|_| history.success(later, later));
        history.failure(later, later, &RULES);
        assert_eq!(history.standing(later), Standing::Good);
    }

    /// An endpoint whose first ejection is over, and when that is.
    fn on_probation() -> (History, Instant) {
        let start = Instant::now();
        let mut history = History::new(start);
        ejected_after(&mut history, start, 3);
        (history, start + second(10))
    }

    #[test]
    fn probation_lets_one_request_in_and_its_outcome_decides() {
        let (mut history, over) = on_probation();
        assert_eq!(history.standing(over), Standing::Good);
        history.begin(over, PROBE);
        assert_ne!(history.standing(over), Standing::Good, "a second request must wait for the first");
        // It fails: twice as long.
        assert!(history.failure(over, over, &RULES));
        let until = over + second(20);
        assert_eq!(history.standing(over), Standing::Resting { until, ejected: true });
        // It succeeds: as new, and the next ejection is short again.
        history.begin(until, PROBE);
        history.success(until, until);
        assert_eq!(history.standing(until), Standing::Good);
        assert!(ejected_after(&mut history, until, 3));
        let again = until + second(10);
        assert_eq!(history.standing(until), Standing::Resting { until: again, ejected: true });
    }

    #[test]
    fn the_beginning_of_an_answer_ends_a_probation_but_no_row_of_failures() {
        let start = Instant::now();
        let mut history = History::new(start);
        ejected_after(&mut history, start, 3);
        // Under way since before.
        history.begins_to_answer(start, start);
        assert_ne!(history.standing(start), Standing::Good);
        let over = start + second(10);
        history.begin(over, PROBE);
        history.begins_to_answer(over, over);
        assert_eq!(history.standing(over), Standing::Good, "others need not wait for its end");
        // It breaks off after all: twice as long.
        assert!(history.failure(over, over, &RULES));
        let until = over + second(20);
        assert_eq!(history.standing(over), Standing::Resting { until, ejected: true });
        // Only an answer that ends well is the end of it.
        history.begin(until, PROBE);
        history.begins_to_answer(until, until);
        history.success(until, until);
        assert!(!ejected_after(&mut history, until, 2));
        assert!(history.failure(until, until, &RULES));
        let again = until + second(10);
        assert_eq!(history.standing(until), Standing::Resting { until: again, ejected: true });
    }

    /// An endpoint that was ejected after this, and when that is over.
    fn ejected_since() -> (History, Instant, Instant) {
        let before = Instant::now();
        let start = before + second(1);
        let mut history = History::new(before);
        ejected_after(&mut history, start, 3);
        (history, before, start + second(10))
    }

    #[test]
    fn what_was_under_way_when_it_was_ejected_changes_nothing_however_it_ends() {
        let (mut history, before, over) = ejected_since();
        let meanwhile = before + second(5);
        let resting = history.standing(meanwhile);
        assert_ne!(resting, Standing::Good);
        // While it is left alone.
        history.success(meanwhile, before);
        assert!(!history.failure(meanwhile, before, &RULES));
        assert_eq!(history.standing(meanwhile), resting);
        // When its time is over, and while the one that decides is under way.
        assert!(!history.failure(over, before, &RULES), "it has not been tried again");
        history.begin(over, PROBE);
        history.begins_to_answer(over, before);
        history.success(over, before);
        assert_ne!(history.standing(over), Standing::Good, "others wait for the one that decides");
        // That one begins to answer, and fails after all: twice as long, whatever came from before.
        history.begins_to_answer(over, over);
        history.success(over, before);
        assert!(!history.failure(over, before, &RULES));
        assert_eq!(history.standing(over), Standing::Good);
        assert!(history.failure(over, over, &RULES));
        let until = over + second(20);
        assert_eq!(history.standing(over), Standing::Resting { until, ejected: true });
        // Who was sent there all the same may well bring it back.
        history.success(over + second(1), over);
        assert_eq!(history.standing(over + second(1)), Standing::Good);
    }

    #[test]
    fn what_was_under_way_when_it_was_ejected_counts_among_recent_requests() {
        let (mut history, before, over) = ejected_since();
        (0..9).for_each(|_| {
            history.failure(over, before, &RULES);
        });
        history.success(over, over);
        assert_eq!(history.standing(over), Standing::Good);
        assert!(history.failure(over, over, &RULES), "of eleven ten have failed");
    }

    #[test]
    fn a_probe_without_an_outcome_does_not_block_for_ever() {
        let (mut history, over) = on_probation();
        history.begin(over, PROBE);
        let last = over + second(59);
        assert_ne!(history.standing(last), Standing::Good, "it may still answer");
        assert_eq!(history.begin(last, PROBE), None, "who comes all the same takes nothing over");
        assert_eq!(history.standing(over + PROBE), Standing::Good);
    }

    #[test]
    fn a_probe_that_is_given_up_leaves_the_decision_to_the_next() {
        let (mut history, over) = on_probation();
        let first = history.begin(over, PROBE).unwrap();
        history.give_up(first);
        assert_eq!(history.standing(over), Standing::Good);
        let later = over + second(1);
        let next = history.begin(later, PROBE).unwrap();
        // Told late: it is not for this one to say.
        history.give_up(first);
        assert_ne!(history.standing(later), Standing::Good);
        assert!(history.failure(later, later, &RULES));
        history.give_up(next);
        assert_ne!(history.standing(later), Standing::Good, "it had an outcome");
    }

    #[test]
    fn ejections_double_up_to_the_longest_and_late_failures_change_nothing() {
        let start = Instant::now();
        let mut history = History::new(start);
        let mut now = start;
        ejected_after(&mut history, now, 3);
        for expected in [20, 40, 60, 60, 60] {
            let Standing::Resting { until, .. } = history.standing(now) else { panic!("not ejected") };
            assert!(!history.failure(now, now, &RULES), "already ejected");
            now = until;
            assert!(history.failure(now, now, &RULES));
            let until = now + second(expected);
            assert_eq!(history.standing(now), Standing::Resting { until, ejected: true });
        }
    }

    #[test]
    fn a_rest_that_was_asked_for_is_kept_and_is_no_ejection() {
        let start = Instant::now();
        let mut history = History::new(start);
        history.cool_down(start, second(7));
        history.cool_down(start, second(1));
        let until = start + second(7);
        assert_eq!(history.standing(start), Standing::Resting { until, ejected: false });
        history.success(start, start);
        assert_ne!(history.standing(start), Standing::Good, "an answer under way does not end the rest");
        assert_eq!(history.standing(until), Standing::Good);
    }

    #[test]
    fn who_fails_while_it_rests_has_its_rest_all_the_same() {
        let start = Instant::now();
        let mut history = History::new(start);
        history.cool_down(start, second(7));
        assert!(ejected_after(&mut history, start, 3));
        let until = start + second(10);
        assert_eq!(history.standing(start), Standing::Resting { until, ejected: false });
        assert_eq!(history.standing(start + second(7)), Standing::Resting { until, ejected: true });
    }

    #[test]
    fn the_last_answer_of_its_model_is_known_and_a_refusal_is_none() {
        let start = Instant::now();
        let mut history = History::new(start);
        history.success(start, start);
        assert!(!history.has_worked_since(start));
        history.worked(start + second(1));
        history.failure(start + second(2), start + second(2), &RULES);
        assert!(history.has_worked_since(start + second(1)));
        assert!(!history.has_worked_since(start + second(2)));
    }

    #[test]
    fn rules_of_zero_never_eject() {
        let off = EjectionRules { consecutive_failures: 0, failure_percent: 0, ..RULES };
        let start = Instant::now();
        let mut history = History::new(start);
        assert!((0..1000).all(|_| !history.failure(start, start, &off)));
    }

    #[test]
    fn what_can_be_used_soonest_comes_first() {
        let start = Instant::now();
        let resting = |seconds, ejected| Standing::Resting { until: start + second(seconds), ejected };
        assert!(Standing::Good < resting(1, false));
        assert!(resting(1, true) < resting(2, false));
    }
}
