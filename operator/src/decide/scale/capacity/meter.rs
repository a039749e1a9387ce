//! Turns a second's counts into observations.

use super::{Observation, Tokens};
use jiff::{SignedDuration, Timestamp};

/// How long a while is: long enough that one long prompt at either end does not show.
const WHILE: SignedDuration = SignedDuration::from_secs(20);

/// Adds up what was served over a while in which the number of replicas stood still.
#[derive(Debug, Clone, Default)]
pub struct Meter {
    current: Option<Reading>,
}

#[derive(Debug, Clone)]
struct Reading {
    since: Timestamp,
    replicas: u32,
    served: Tokens,
    saturated: bool,
}

impl Meter {
    /// Adds the tokens served since the call before, with the replicas that served and whether requests wait now. A
    /// while without a single waiting request is not saturated; one with some is only if there were some each time.
    /// Returns an observation at the end of a while.
    pub fn add(
        &mut self,
        now: Timestamp,
        replicas: u32,
        served: Tokens,
        waiting: bool,
    ) -> Option<Observation> {
        let fresh = Reading { since: now, replicas, served: Tokens::default(), saturated: waiting };
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
        if lasted < WHILE {
            self.current = Some(reading);
            return None;
        }
        self.current = Some(fresh);
        (replicas > 0).then(|| Observation {
            served: reading.served * (1.0 / lasted.as_secs_f64()),
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
        range.filter_map(|s| meter.add(at(s), 2, Tokens::new(100.0, 10.0), waiting)).collect()
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
        assert_eq!(meter.add(at(20), 3, Tokens::default(), true), None);
        assert_eq!(meter.add(at(39), 3, Tokens::default(), true), None);
        assert!(meter.add(at(40), 3, Tokens::default(), true).is_some());
    }
}
