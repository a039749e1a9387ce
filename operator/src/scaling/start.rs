//! How long a replica takes to start, as seen last.

use jiff::{SignedDuration, Timestamp};

/// What takes longer tells of something else: a pod that had to wait for its image, or for somebody to mend it.
pub(super) const LONGEST: SignedDuration = SignedDuration::from_hours(1);
/// What takes less is told as this.
const SHORTEST: SignedDuration = SignedDuration::from_secs(1);

/// A replica that serves, and how long that took.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Started {
    /// When its pod was made.
    pub made: Timestamp,
    /// From having a node to serving.
    pub took: SignedDuration,
}

/// Takes in the start of each replica once: one that ceases to serve and serves again did not start then.
#[derive(Debug, Clone, Default)]
pub(super) struct Start {
    known: Option<SignedDuration>,
    /// When the newest pod that was looked at was made.
    newest: Option<Timestamp>,
    begun: bool,
}

impl Start {
    /// Takes in the newest replica that serves. `remembered` is what an operator before this one saw. The replicas that
    /// served before this operator began say nothing, as when they began to serve last may be long after their start.
    pub(super) fn observe(
        &mut self,
        newest: Option<Started>,
        remembered: impl FnOnce() -> Option<SignedDuration>,
    ) -> Option<SignedDuration> {
        if !std::mem::replace(&mut self.begun, true) {
            // Whoever may write a status may write anything.
            self.known = remembered().map(|known| known.clamp(SHORTEST, LONGEST));
            self.newest = newest.map(|started| started.made);
        }
        let news = newest.filter(|started| self.newest.is_none_or(|before| started.made > before));
        if let Some(Started { made, took }) = news {
            self.newest = Some(made);
            if took <= LONGEST {
                self.known = Some(took.max(SHORTEST));
            }
        }
        self.known
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn started(made: i64, took: i64) -> Started {
        let made = Timestamp::from_second(made).unwrap();
        Started { made, took: SignedDuration::from_secs(took) }
    }

    #[test]
    fn each_replica_starts_once() {
        let mut start = Start::default();
        for (newest, known) in [
            (None, None),
            (Some(started(100, 40)), Some(40)),
            // It was not ready for a moment, two days later.
            (Some(started(100, 172_800)), Some(40)),
            (Some(started(500, 60)), Some(60)),
            // The newest has gone.
            (Some(started(100, 172_800)), Some(60)),
            (None, Some(60)),
            (Some(started(900, 0)), Some(1)),
            // What takes longer than an hour tells of something else.
            (Some(started(950, 90_000)), Some(1)),
            (Some(started(980, 3600)), Some(3600)),
        ] {
            let seen = start.observe(newest, || None).map(|took| took.as_secs());
            assert_eq!(seen, known, "{newest:?}");
        }
    }

    #[test]
    fn what_an_operator_before_this_one_saw_counts_until_another_replica_starts() {
        let mut start = Start::default();
        let mut seen = |newest| {
            let remembered = || Some(SignedDuration::from_secs(42));
            start.observe(newest, remembered).map(|took| took.as_secs())
        };
        assert_eq!(seen(Some(started(100, 172_800))), Some(42));
        assert_eq!(seen(Some(started(100, 172_800))), Some(42));
        assert_eq!(seen(Some(started(200, 50))), Some(50));
    }

    #[test]
    fn nobody_knows_how_long_they_took_who_served_before() {
        let mut start = Start::default();
        let mut seen = |newest| start.observe(newest, || None).map(|took| took.as_secs());
        assert_eq!(seen(Some(started(100, 1800))), None, "it may have been unready for a moment since");
        assert_eq!(seen(Some(started(100, 1800))), None);
        assert_eq!(seen(Some(started(200, 90_000))), None);
        assert_eq!(seen(Some(started(300, 50))), Some(50));
    }

    #[test]
    fn the_first_replica_after_a_restart_at_zero_is_seen_to_start() {
        let mut start = Start::default();
        let remembered = || Some(SignedDuration::from_secs(42));
        assert_eq!(start.observe(None, remembered).map(|took| took.as_secs()), Some(42));
        assert_eq!(start.observe(Some(started(100, 30)), remembered).map(|took| took.as_secs()), Some(30));
    }

    #[test]
    fn what_nobody_can_have_seen_is_not_believed() {
        for (remembered, known) in [(i64::MIN, 1), (-5, 1), (0, 1), (3600, 3600), (i64::MAX, 3600)] {
            let remembered = || Some(SignedDuration::from_secs(remembered));
            let seen = Start::default().observe(None, remembered).map(|took| took.as_secs());
            assert_eq!(seen, Some(known));
        }
    }
}
