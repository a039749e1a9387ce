//! What must hold for any demand.

use super::world::{World, policy, variant};
use crate::decide::scale::{Demand, Policy, Reason, Supply};
use jiff::SignedDuration;
use proptest::prelude::*;

/// Minutes of demand: steady, missing, or in bursts.
fn demands() -> impl Strategy<Value = Vec<(usize, Option<f64>)>> {
    let busy = prop_oneof![
        6 => (0.0..60.0_f64).prop_map(Some),
        2 => Just(Some(0.0)),
        1 => Just(None),
        1 => (0.0..600.0_f64).prop_map(Some),
    ];
    prop::collection::vec((1_usize..200, busy), 1..25)
}

fn play(
    world: &mut World,
    demands: &[(usize, Option<f64>)],
    mut check: impl FnMut(&World, u32, Option<Demand>, u32),
) {
    for (seconds, busy) in demands {
        for _ in 0..*seconds {
            let demand = busy.map(|busy| world.demand(busy, 0.0));
            let before = world.replicas();
            let after = world.pass(demand).total();
            check(world, before, demand, after);
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn never_outside_its_bounds_and_never_down_without_reports(
        demands in demands(),
        (min, more) in (0_u32..5, 0_u32..30),
        ready in 0_u32..40,
        zero in any::<bool>(),
    ) {
        let after = zero.then(|| SignedDuration::from_mins(10));
        let policy = Policy { scale_to_zero_after: after, ..policy() };
        let mut model = variant(ready);
        (model.min_replicas, model.max_replicas) = (min, min + more);
        let mut world = World::new(policy, vec![model]);
        world.pass(None);
        let mut failed = None;
        play(&mut world, &demands, |world, before, demand, after| {
            if !(min..=min + more).contains(&after) || (demand.is_none() && after < before) {
                failed = Some((world.second(), before, demand, after));
            }
        });
        prop_assert_eq!(failed, None);
    }

    #[test]
    fn at_most_one_reversal_a_window(demands in demands(), ready in 0_u32..40) {
        let mut world = World::one(ready);
        play(&mut world, &demands, |_, _, _, _| ());
        let rises: Vec<(i64, bool)> = world.changes.iter().map(|(at, from, to)| (*at, to > from)).collect();
        for (nth, (begin, _)) in rises.iter().enumerate() {
            let window: Vec<_> = rises[nth..].iter().take_while(|(at, _)| at - begin < 300).collect();
            let reversals = window.windows(2).filter(|pair| pair[0].1 != pair[1].1).count();
            prop_assert!(reversals <= 1, "from {begin} s: {:?}", world.changes);
        }
    }

    #[test]
    fn more_demand_never_means_fewer_replicas(
        demands in demands(),
        ready in 1_u32..40,
        (less, more) in (0.0..50.0_f64, 0.0..50.0_f64),
        (waits, waits_more) in (0.0..500.0_f64, 0.0..500.0_f64),
    ) {
        let mut world = World::one(ready);
        play(&mut world, &demands, |_, _, _, _| ());
        let supply = world.variants[0].supply;
        let mut decide = |busy: f64, waits: f64| {
            let mut scaler = world.scaler.clone();
            std::mem::swap(&mut world.scaler, &mut scaler);
            world.variants[0].supply = supply;
            let total = world.pass(Some(world.demand(busy, waits))).total();
            world.now -= SignedDuration::from_secs(1);
            world.scaler = scaler;
            total
        };
        prop_assert!(decide(less, waits) <= decide(less + more, waits + waits_more));
    }

    #[test]
    fn more_supply_on_its_way_never_means_that_more_is_asked_for(
        busy in 0.0..50.0_f64, ready in 0_u32..30, loading in 0_u32..30,
    ) {
        let decide = |supply: Supply| {
            let mut world = World::one(ready);
            world.variants[0].supply = supply;
            let decision = world.run(1, busy);
            (decision.total(), decision.reason)
        };
        let (fewer, _) = decide(Supply { ready, ..Supply::default() });
        let (with, reason) = decide(Supply { ready, loading, ..Supply::default() });
        prop_assert!(with <= fewer.max(ready + loading));
        prop_assert!(with >= ready + loading || reason == Reason::DemandFell);
    }
}
