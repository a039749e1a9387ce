//! Requests come back only when what sent them away has been over for a while.

use super::Outlook;
use flotilla_crds::router_config::SpillState;
use jiff::{SignedDuration, Timestamp};
use std::collections::VecDeque;

/// Requests come back when fewer have had to go for so long: a replica that falls over again at once gets none.
const RETURN_AFTER: SignedDuration = SignedDuration::from_secs(15);

/// Requests go outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Spilling {
    /// Why.
    pub state: SpillState,
    /// How many of a hundred.
    pub percent: u8,
    /// Since when for this reason.
    pub since: Timestamp,
}

/// The shares of the last seconds, of which the largest counts.
#[derive(Debug, Clone, Default)]
pub struct Memory {
    /// Ever smaller shares, the oldest first, each with the last moment that it held.
    recent: VecDeque<(Timestamp, Spilling)>,
}

impl Memory {
    /// What a status says, so that a restart of the operator sends nothing back.
    pub fn remembered(spilling: Spilling, now: Timestamp) -> Self {
        Self { recent: VecDeque::from([(now, spilling)]) }
    }

    /// Takes in how things are; more has to go at once, less after a while.
    pub fn observe(&mut self, outlook: &Outlook, now: Timestamp) {
        let before = |state| self.recent.iter().find(|(_, before)| before.state == state);
        let full = before(SpillState::Saturated).is_some();
        if let Some((state, percent)) = outlook.state(full) {
            let since = before(state).map_or(now, |(_, before)| before.since);
            while self.recent.back().is_some_and(|(_, smaller)| smaller.percent <= percent) {
                self.recent.pop_back();
            }
            self.recent.push_back((now, Spilling { state, percent, since }));
        }
        while self.recent.front().is_some_and(|(at, _)| now.duration_since(*at) >= RETURN_AFTER) {
            self.recent.pop_front();
        }
    }

    /// The largest share in the states that matter: what goes for another one is no reason to keep the rest.
    pub fn largest(&self, matters: impl Fn(SpillState) -> bool) -> Option<Spilling> {
        self.recent.iter().map(|(_, spilling)| *spilling).find(|spilling| matters(spilling.state))
    }
}

#[cfg(test)]
mod tests {
    use super::super::Load;
    use super::*;
    use SpillState::{Loading, Pending, Saturated, ScaledToZero};
    use proptest::prelude::*;

    const ZERO: Outlook = Outlook { fits: true, room: true, desired: 0, ready: 0, loading: 0, load: None };

    fn busy(busy: f64) -> Outlook {
        Outlook { ready: 1, desired: 1, load: Some(Load { busy, waits: 0.0 }), ..ZERO }
    }

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_767_571_200 + second).unwrap()
    }

    fn observe(memory: &mut Memory, outlook: &Outlook, now: Timestamp) -> Option<Spilling> {
        memory.observe(outlook, now);
        memory.largest(|_| true)
    }

    /// The states of second after second, told when they change.
    fn told(
        memory: &mut Memory,
        outlooks: impl IntoIterator<Item = Outlook>,
    ) -> Vec<(i64, Option<(SpillState, u8)>)> {
        let mut changes: Vec<(i64, Option<(SpillState, u8)>)> = Vec::new();
        for (second, outlook) in (0..).zip(outlooks) {
            let state = observe(memory, &outlook, at(second)).map(|s| (s.state, s.percent));
            if changes.last().is_none_or(|(_, last)| *last != state) {
                changes.push((second, state));
            }
        }
        changes
    }

    fn times(outlook: Outlook, seconds: usize) -> impl Iterator<Item = Outlook> {
        std::iter::repeat_n(outlook, seconds)
    }

    #[test]
    fn from_zero_over_loading_to_serving() {
        let pending = Outlook { desired: 1, ..ZERO };
        let way = times(ZERO, 5)
            .chain(times(pending, 5))
            .chain(times(Outlook { loading: 1, ..pending }, 10))
            .chain(times(busy(0.5), 30));
        assert_eq!(
            told(&mut Memory::default(), way),
            [
                (0, Some((ScaledToZero, 100))),
                (5, Some((Pending, 100))),
                (10, Some((Loading, 100))),
                (34, None),
            ],
            "a replica has to serve for a while"
        );
    }

    #[test]
    fn a_replica_that_falls_over_again_and_again_gets_nothing() {
        let loading = Outlook { desired: 1, loading: 1, ..ZERO };
        let way = (0..20).flat_map(|_| times(loading, 5).chain(times(busy(0.1), 10)));
        assert_eq!(told(&mut Memory::default(), way), [(0, Some((Loading, 100)))]);
    }

    #[test]
    fn load_that_wavers_around_the_limit_is_one_spell_whose_share_grows_at_once_and_falls_later() {
        let way = (0..60)
            .map(|second| busy(if second % 2 == 0 { 1.05 } else { 0.95 }))
            .chain(times(busy(1.9), 1))
            .chain(times(busy(0.5), 30));
        assert_eq!(
            told(&mut Memory::default(), way),
            [(0, Some((Saturated, 10))), (60, Some((Saturated, 50))), (75, None)]
        );
    }

    #[test]
    fn since_is_when_the_reason_began() {
        let mut memory = Memory::default();
        for second in 0..10 {
            memory.observe(&busy(if second < 5 { 1.5 } else { 3.0 }), at(second));
        }
        assert_eq!(
            observe(&mut memory, &busy(3.0), at(10)).map(|s| s.since),
            Some(at(0)),
            "another share is no new reason"
        );
        assert_eq!(observe(&mut memory, &ZERO, at(11)).map(|s| s.since), Some(at(11)));
    }

    #[test]
    fn a_smaller_share_for_another_reason_is_known_beside_the_largest_while_it_lasts() {
        let mut memory = Memory::default();
        let loading = Outlook { desired: 1, loading: 1, ..ZERO };
        memory.observe(&loading, at(0));
        memory.observe(&busy(1.5), at(1));
        let saturated = |memory: &Memory| memory.largest(|state| state == Saturated);
        let expected = Spilling { state: Saturated, percent: 40, since: at(1) };
        assert_eq!(saturated(&memory), Some(expected));
        assert_eq!(memory.largest(|_| true).map(|s| (s.state, s.percent)), Some((Loading, 100)));
        memory.observe(&busy(0.9), at(2));
        assert_eq!(saturated(&memory), Some(expected), "it was full, and falls after a while");
        memory.observe(&loading, at(3));
        assert_eq!(saturated(&memory), None, "nothing serves any more");
    }

    #[test]
    fn after_a_restart_requests_stay_where_they_are_for_a_while() {
        let spilling = Spilling { state: Saturated, percent: 40, since: at(-100) };
        let unknown = Outlook { load: None, ..busy(0.0) };
        let mut memory = Memory::remembered(spilling, at(0));
        assert_eq!(observe(&mut memory, &unknown, at(0)), Some(spilling));
        assert_eq!(observe(&mut memory, &unknown, at(14)), Some(spilling));
        assert_eq!(observe(&mut memory, &unknown, at(15)), None);
    }

    proptest! {
        #[test]
        fn as_many_go_as_had_to_in_the_last_while(
            loads in proptest::collection::vec(0.0_f64..4.0, 1..80),
        ) {
            let mut memory = Memory::default();
            let mut shares: Vec<u8> = Vec::new();
            for (second, load) in (0..).zip(&loads) {
                let outlook = busy(*load);
                let full = memory.largest(|_| true).is_some();
                shares.push(outlook.state(full).map_or(0, |(_, percent)| percent));
                let told = observe(&mut memory, &outlook, at(second)).map_or(0, |s| s.percent);
                let window = &shares[shares.len().saturating_sub(15)..];
                prop_assert_eq!(Some(&told), window.iter().max());
            }
        }
    }
}
