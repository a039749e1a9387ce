//! Turns a second's counts into observations.

use super::{Observation, Tokens};
use jiff::{SignedDuration, Timestamp};

/// How long a while is at least: long enough that one long prompt at either end does not show.
const WHILE: SignedDuration = SignedDuration::from_secs(20);
/// Tokens are counted when their request ends. So a while lasts until this many times as many were counted as belong
/// to requests that were being answered when it began: in what ends within it, what was done before is the smaller part.
const TURNS: f64 = 3.0;
/// A while that is not over by then says nothing.
const LONGEST: SignedDuration = SignedDuration::from_mins(10);

/// Adds up what was served over a while in which the number of replicas stood still.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    current: Option<Reading>,
}

#[derive(Debug, Clone)]
struct Reading {
    since: Timestamp,
    replicas: u32,
    /// Tokens of the requests that were being answered when it began.
    begun: Tokens,
    served: Tokens,
    saturated: bool,
}

impl Reading {
    fn is_over(&self, lasted: SignedDuration) -> bool {
        let enough = |served: f64, begun: f64| served >= TURNS * begun;
        lasted >= WHILE
            && enough(self.served.prompt, self.begun.prompt)
            && enough(self.served.completion, self.begun.completion)
    }

    /// What replicas did at least: under a queue as much is under way at the end as was at the beginning; otherwise
    /// nobody knows, and nothing is taken to be.
    fn done(&self) -> Tokens {
        if self.saturated { self.served } else { self.served + self.begun * -1.0 }
    }
}

impl Meter {
    /// Adds the tokens served since the call before, with the replicas that served, the tokens of the requests that
    /// they are answering now and that count only when these end, and whether others wait. A while without a single
    /// waiting request is not saturated; one with some is only if there were some each time. Returns an observation at
    /// the end of a while.
    pub fn add(
        &mut self,
        now: Timestamp,
        replicas: u32,
        served: Tokens,
        answering: Tokens,
        waiting: bool,
    ) -> Option<Observation> {
        let fresh =
            Reading { since: now, replicas, begun: answering, served: Tokens::default(), saturated: waiting };
        let mut reading = match self.current.take() {
            Some(reading) if reading.replicas == replicas => reading,
            _ => {
                self.current = Some(fresh);
                return None;
            }
        };
        reading.served += served;
        reading.saturated &= waiting;
        let lasted = now.duration_since(reading.since);
        let over = reading.is_over(lasted);
        if !over && lasted < LONGEST {
            self.current = Some(reading);
            return None;
        }
        self.current = Some(fresh);
        (over && replicas > 0).then(|| Observation {
            served: reading.done() * (1.0 / lasted.as_secs_f64()),
            replicas: f64::from(replicas),
            saturated: reading.saturated,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    fn seconds(meter: &mut Meter, range: std::ops::RangeInclusive<i64>, waiting: bool) -> Vec<Observation> {
        let (served, none) = (Tokens::new(100.0, 10.0), Tokens::default());
        range.filter_map(|s| meter.add(at(s), 2, served, none, waiting)).collect()
    }

    #[test]
    fn a_while_under_a_queue_is_an_observation_under_saturation() {
        let seen = seconds(&mut Meter::default(), 0..=40, true);
        assert_eq!(seen.len(), 2);
        assert!(seen.iter().all(|o| o.saturated && (o.served.prompt - 100.0).abs() < 1e-9));
    }

    #[test]
    fn a_moment_without_a_queue_ends_saturation_for_that_while() {
        let mut meter = Meter::default();
        assert!(seconds(&mut meter, 0..=9, true).is_empty());
        assert!(seconds(&mut meter, 10..=10, false).is_empty());
        let seen = seconds(&mut meter, 11..=20, true);
        assert!(seen.len() == 1 && !seen[0].saturated);
    }

    #[test]
    fn a_change_of_replicas_starts_anew() {
        let mut meter = Meter::default();
        seconds(&mut meter, 0..=19, true);
        let none = Tokens::default();
        assert_eq!(meter.add(at(20), 3, none, none, true), None);
        assert_eq!(meter.add(at(39), 3, none, none, true), None);
        assert!(meter.add(at(40), 3, none, none, true).is_some());
    }

    /// One replica answers four requests at a time, each of 1,000 tokens in 40 s: 100 tokens a second. They begin
    /// together, and their tokens are counted when they end.
    fn in_turns(waiting: bool) -> Vec<(i64, Observation)> {
        let mut meter = Meter::default();
        let answering = Tokens::new(0.0, 4000.0);
        let of = |second| Tokens::new(0.0, if second > 0 && second % 40 == 0 { 4000.0 } else { 0.0 });
        let mut add = |second| meter.add(at(second), 1, of(second), answering, waiting);
        (0..600).filter_map(|second| Some((second, add(second)?))).collect()
    }

    #[test]
    fn a_while_is_longer_than_the_requests_in_it() {
        let seen = in_turns(true);
        assert_eq!(seen.iter().map(|(second, _)| *second).collect::<Vec<_>>(), [120, 240, 360, 480]);
        for (second, seen) in seen {
            assert!((seen.served.completion - 100.0).abs() < 1e-9, "{second}: {seen:?}");
        }
    }

    #[test]
    fn what_was_done_before_a_while_is_not_counted_in_it_where_nothing_waits() {
        for (second, seen) in in_turns(false) {
            assert!(seen.served.completion <= 100.0, "{second}: {seen:?}");
        }
    }

    #[test]
    fn where_requests_do_not_end_nothing_is_seen() {
        let mut meter = Meter::default();
        let answering = Tokens::new(100.0, 1000.0);
        assert!((0..2000).all(|s| meter.add(at(s), 1, Tokens::default(), answering, true).is_none()));
    }
}
