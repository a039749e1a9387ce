//! From offered work to how many replicas there should be, at least and at most.

use super::Policy;
use jiff::SignedDuration;

/// A first token that comes so many seconds later than from an idle replica is late,
const LATE_AFTER: f64 = 2.0;
/// and so many may be.
const LATE: f64 = 0.01;

/// What clients offer, in replicas that it keeps busy.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub(super) struct Offered {
    /// On average.
    pub(super) busy: f64,
    /// How many more it will keep busy by the time that what is started now serves.
    pub(super) rise: f64,
    /// The variance of the work that comes in a second.
    pub(super) spread: f64,
}

impl Offered {
    /// The replicas on which no more requests are late than may be, if the mean stays. Work that waits behaves like
    /// Brownian motion with drift (heavy traffic; Kingman 1962): with `n` replicas it exceeds `n LATE_AFTER` with
    /// probability exp(-2 (n - busy) n LATE_AFTER / spread). Solved for `n`. Small fleets with coarse requests need
    /// much more than the mean, large ones with fine requests hardly any.
    fn on_time(self) -> f64 {
        let odds = -LATE.ln() / (2.0 * LATE_AFTER);
        let busy = self.busy + self.rise;
        f64::midpoint(busy, (busy * busy + 4.0 * odds * self.spread).sqrt())
    }
}

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
    /// There must be `busy / target` by the time that more serve, and enough that bursts are served on time; what will have piled up by the time
    /// that more replicas serve is worked off in `catch_up` by replicas that are then busy all the time. There may be
    /// more by as much as `shrink` is below `target`.
    pub(super) fn of(offered: Offered, queue: Queue, policy: &Policy) -> Self {
        let piled_up = queue.waiting + (offered.busy - queue.ready) * queue.more_in.as_secs_f64();
        let catching_up = piled_up.max(0.0) / policy.catch_up.as_secs_f64().max(1.0);
        let with_queue = offered.busy + catching_up;
        let busy = offered.busy + offered.rise;
        let comfortable = (busy / policy.target_utilization).max(offered.on_time());
        Self {
            at_least: comfortable.max(with_queue),
            at_most: (comfortable * policy.target_utilization / policy.shrink_utilization).max(with_queue),
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
        let policy = Policy { target_utilization: 0.85, shrink_utilization: 0.70, ..Policy::default() };
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
            let offered = Offered { busy, rise: 0.0, spread: 0.0 };
            let band = Band::of(offered, Queue { waiting, ready, more_in: minutes(2) }, &policy);
            assert!((band.at_least - at_least).abs() < 1e-9, "{busy}, {waiting}: {band:?}");
            assert!((band.at_most - at_most).abs() < 1e-9, "{busy}, {waiting}: {band:?}");
        }
    }

    #[test]
    fn small_fleets_need_more_than_the_mean() {
        let on_time = |busy, spread| Offered { busy, rise: 0.0, spread }.on_time();
        assert!((on_time(5.0, 0.0) - 5.0).abs() < 1e-9);
        for (busy, spread, replicas) in
            [(1.0, 1.0, 1.68), (10.0, 1.0, 10.11), (10.0, 10.0, 11.04), (100.0, 10.0, 100.12)]
        {
            assert!(
                (on_time(busy, spread) - replicas).abs() < 0.01,
                "{busy}, {spread}: {}",
                on_time(busy, spread)
            );
        }
    }
}
