//! What a model can take at one moment.

use crate::decide::scale::{Capacity, Tokens};
use flotilla_crds::router_config::SpillState;

/// Replicas that are this busy are full.
const FULL: f64 = 1.0;
/// Replicas that were full are so no more below this.
const CALM: f64 = 0.85;
/// What waits longer than this, in seconds, makes them full, too: clients notice it.
const LONG_WAIT: f64 = 10.0;
/// Replicas that were full still are while anything waits longer than this, in seconds.
const SHORT_WAIT: f64 = 2.0;
/// What waits is to be worked off in so many seconds.
const CATCH_UP: f64 = 30.0;
/// The part of their time that replicas are left with: less than all, or what waits would never end.
const KEPT: f64 = 0.95;
/// What sums of fractions may be off by.
const ROUNDING: f64 = 1e-9;
/// Shares are multiples of this, in percent: routers get another config only when it matters.
const STEP: f64 = 5.0;

/// What there is of one deployment, and what is asked of it.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Outlook {
    /// Whether any GPU of the cluster is large enough, taken or not.
    pub fits: bool,
    /// Whether another replica could be placed now.
    pub room: bool,
    /// Replicas that there should be.
    pub desired: u32,
    /// Replicas that serve.
    pub ready: u32,
    /// Replicas that have a node and do not serve yet.
    pub loading: u32,
    /// What is asked of the replicas that serve; unknown where neither routers nor engines report.
    pub load: Option<Load>,
}

/// What is asked, in terms of the replicas that serve.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Load {
    /// Offered tokens over what they can do: more than 1 is too much.
    pub busy: f64,
    /// How long they would take to work off what waits, in seconds, if nothing else came.
    pub waits: f64,
}

impl Load {
    /// Of tokens per second that are offered and tokens that wait, for so many replicas of each capacity.
    pub fn of(offered: Tokens, waiting: Tokens, ready: &[(Capacity, u32)]) -> Self {
        // A replica does 1 / work of such a mix in a second; together they do the sum.
        let together =
            |mix: Tokens| ready.iter().map(|(of, count)| f64::from(*count) / of.work(mix)).sum::<f64>();
        let time = |mix: Tokens| if mix.is_zero() { 0.0 } else { 1.0 / together(mix) };
        Self { busy: time(offered), waits: time(waiting) }
    }

    /// Percent of requests that are too much for the replicas; `before` says whether anything was already.
    fn excess(self, before: bool) -> u8 {
        let (busy, waits) = if before { (CALM, SHORT_WAIT) } else { (FULL, LONG_WAIT) };
        if self.busy <= busy && self.waits <= waits {
            return 0;
        }
        let needed = self.busy + self.waits / CATCH_UP;
        let share = ((1.0 - KEPT / needed.max(KEPT)) * 100.0 / STEP - ROUNDING).ceil() * STEP;
        // In (0, 100): replicas that serve are given something to do.
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "within 5 and 95")]
        let percent = share.clamp(STEP, 100.0 - STEP) as u8;
        percent
    }
}

impl Outlook {
    /// Why requests are to go outside now and how many of a hundred; `before` says whether they do already, since
    /// replicas were full.
    pub fn state(&self, before: bool) -> Option<(SpillState, u8)> {
        let state = match self {
            Self { ready: 1.., load, .. } => {
                let percent = load.map_or(0, |load| load.excess(before));
                return (percent > 0).then_some((SpillState::Saturated, percent));
            }
            Self { fits: false, .. } => SpillState::NoFit,
            Self { desired: 0, .. } => SpillState::ScaledToZero,
            Self { loading: 1.., .. } => SpillState::Loading,
            Self { room: false, .. } => SpillState::NoFreeGPU,
            _ => SpillState::Pending,
        };
        Some((state, 100))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn the_states_of_a_model_without_a_serving_replica() {
        let pending = Outlook { fits: true, room: true, desired: 1, ..Outlook::default() };
        for (outlook, state) in [
            (pending, SpillState::Pending),
            (Outlook { loading: 1, ..pending }, SpillState::Loading),
            (Outlook { loading: 1, room: false, ..pending }, SpillState::Loading),
            (Outlook { room: false, ..pending }, SpillState::NoFreeGPU),
            (Outlook { desired: 0, ..pending }, SpillState::ScaledToZero),
            (Outlook { desired: 0, room: false, ..pending }, SpillState::ScaledToZero),
            (Outlook { desired: 0, fits: false, ..pending }, SpillState::NoFit),
            (Outlook { room: false, fits: false, ..pending }, SpillState::NoFit),
        ] {
            assert_eq!(outlook.state(false), Some((state, 100)), "{outlook:?}");
        }
    }

    #[test]
    fn what_is_too_much_goes_and_the_rest_stays() {
        let serving =
            |busy, waits| Outlook { ready: 2, load: Some(Load { busy, waits }), ..Outlook::default() };
        for (busy, waits, before, percent) in [
            (0.99, 9.9, false, None),
            (1.01, 0.0, false, Some(10)),
            (1.9, 0.0, false, Some(50)),
            (0.5, 15.0, false, Some(5)),
            (0.9, 30.0, false, Some(50)),
            (1000.0, 0.0, false, Some(95)),
            (0.86, 0.0, true, Some(5)),
            (0.85, 2.0, true, None),
            (0.2, 2.1, true, Some(5)),
        ] {
            let expected = percent.map(|percent| (SpillState::Saturated, percent));
            assert_eq!(serving(busy, waits).state(before), expected, "{busy} busy, {waits} s, {before}");
        }
        assert_eq!(
            Outlook { ready: 1, ..Outlook::default() }.state(true),
            None,
            "nothing is known of the load"
        );
    }

    #[test]
    fn replicas_of_several_kinds_add_up() {
        let capacity = |rate| Capacity::new(rate, rate).unwrap();
        let load = Load::of(
            Tokens::new(300.0, 0.0),
            Tokens::new(0.0, 600.0),
            &[(capacity(100.0), 1), (capacity(50.0), 4), (capacity(9.0), 0)],
        );
        assert!((load.busy - 1.0).abs() < 1e-9 && (load.waits - 2.0).abs() < 1e-9, "{load:?}");
        let idle = Load::of(Tokens::default(), Tokens::default(), &[(capacity(1.0), 1)]);
        assert_eq!(idle, Load::default());
    }

    proptest! {
        #[test]
        fn what_stays_is_never_more_than_replicas_can_do_nor_nothing(
            busy in 0.0_f64..50.0, waits in 0.0_f64..500.0, before: bool,
        ) {
            let outlook = Outlook { ready: 1, load: Some(Load { busy, waits }), ..Outlook::default() };
            let percent = outlook.state(before).map_or(0, |(_, percent)| percent);
            prop_assert!(percent <= 95);
            let stays = busy * f64::from(100 - percent) / 100.0;
            prop_assert!(stays <= 1.0 + ROUNDING || percent == 95, "{stays} stays");
        }
    }
}
