//! From offered work to how many replicas there should be, at least and at most.

use super::Policy;
use jiff::SignedDuration;

/// What one moment asks for, in replicas of the first variant.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Band {
    /// With fewer, replicas are busier than the target.
    pub(super) at_least: f64,
    /// With more, one could go.
    pub(super) at_most: f64,
}

/// The state of the queue.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Queue {
    /// Work that waits, in seconds of one replica.
    pub(super) waiting: f64,
    /// Replicas that serve.
    pub(super) ready: f64,
    /// How long until more serve.
    pub(super) more_in: SignedDuration,
}

impl Band {
    /// `busy / target` must be there; what will have piled up by the time that more replicas serve is worked off in
    /// `catch_up` by replicas that are then busy all the time. `busy / shrink` may be there.
    pub(super) fn of(busy: f64, queue: Queue, policy: &Policy) -> Self {
        let piled_up = queue.waiting + (busy - queue.ready) * queue.more_in.as_secs_f64();
        let catching_up = piled_up.max(0.0) / policy.catch_up.as_secs_f64().max(1.0);
        let with_queue = busy + catching_up;
        Self {
            at_least: (busy / policy.target_utilization).max(with_queue),
            at_most: (busy / policy.shrink_utilization).max(with_queue),
        }
    }

    /// Not fewer than so many.
    pub(super) fn raised_to(self, floor: f64) -> Self {
        Self { at_least: self.at_least.max(floor), at_most: self.at_most.max(floor) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn demand_and_what_piles_up_until_help_comes() {
        let policy = Policy::default();
        let minutes = SignedDuration::from_mins;
        for (busy, waiting, ready, at_least, at_most) in [
            (8.5, 0.0, 10.0, 10.0, 8.5 / 0.7),
            (7.0, 0.0, 10.0, 7.0 / 0.85, 10.0),
            // 300 s of work beside 9 of 10 replicas: these have worked 120 off when help could come.
            (9.0, 300.0, 10.0, 9.0 / 0.85, 9.0 / 0.7),
            (9.0, 1320.0, 10.0, 9.0 + 1200.0 / 300.0, 13.0),
            // Ten times what there is: 44 x 120 s will wait, which take 17.6 replicas five minutes.
            (50.0, 0.0, 6.0, 67.6, 50.0 / 0.7),
            (0.0, 0.0, 5.0, 0.0, 0.0),
        ] {
            let band = Band::of(busy, Queue { waiting, ready, more_in: minutes(2) }, &policy);
            assert!((band.at_least - at_least).abs() < 1e-9, "{busy}, {waiting}: {band:?}");
            assert!((band.at_most - at_most).abs() < 1e-9, "{busy}, {waiting}: {band:?}");
        }
    }
}
