//! One moment each: what there is, what is asked, what is decided.

use super::world::World;
use crate::decide::scale::{Capacity, Demand, Reason, Schedule, Supply, Tokens, Variant};

/// A model that has been at `busy` for ten minutes, with as many replicas whatever that asks for.
fn settled(ready: u32, busy: f64) -> World {
    let mut world = World::one(ready);
    let free = world.variants[0];
    (world.variants[0].min_replicas, world.variants[0].max_replicas) = (ready, ready);
    world.run(600, busy);
    (world.variants[0].min_replicas, world.variants[0].max_replicas) = (free.min_replicas, free.max_replicas);
    world
}

#[test]
fn thresholds_decide() {
    for (ready, busy, replicas, reason) in [
        (10, 8.5, 10, Reason::WithinTarget),
        (10, 8.6, 11, Reason::DemandRose),
        (10, 17.0, 20, Reason::DemandRose),
        (10, 6.4, 10, Reason::WithinTarget),
        (10, 6.2, 9, Reason::DemandFell),
        (10, 0.1, 9, Reason::DemandFell),
        (1, 0.5, 1, Reason::WithinTarget),
        (1, 0.86, 2, Reason::DemandRose),
    ] {
        let mut world = settled(ready, busy);
        let decision = world.run(1, busy);
        assert_eq!((decision.total(), decision.reason), (replicas, reason), "{busy} on {ready}: {decision}");
    }
}

#[test]
fn replicas_on_their_way_count() {
    let mut world = settled(10, 8.0);
    world.variants[0].supply = Supply { ready: 4, loading: 3, pending: 3, ..Supply::default() };
    assert_eq!(world.run(1, 8.0).total(), 10);
    world.variants[0].supply.draining = 1;
    world.variants[0].supply.pending = 2;
    assert_eq!(world.run(1, 8.0).total(), 10, "what drains counts no more");
}

#[test]
fn a_step_of_ten_times_is_answered_in_one_decision() {
    let mut world = settled(6, 5.0);
    world.run(10, 50.0);
    let [(_, from, to)] = world.changes[..] else { panic!("{:?}", world.changes) };
    assert_eq!(from, 6);
    assert!(f64::from(to) >= 50.0 / 0.85, "{to}");
}

#[test]
fn what_waits_is_worked_off() {
    let mut world = settled(10, 8.0);
    let calm = world.pass(Some(world.demand(8.0, 30.0)));
    assert_eq!(calm.reason, Reason::WithinTarget, "half a minute for what two replicas have left: {calm}");
    let decision = world.pass(Some(world.demand(8.0, 3000.0)));
    assert_eq!(decision.total(), 18, "{decision}");
    assert!(decision.to_string().contains("3000 tokens wait"), "{decision}");
}

#[test]
fn bounds_hold_and_say_so() {
    let mut world = settled(10, 8.0);
    world.variants[0].max_replicas = 12;
    let decision = world.run(60, 40.0);
    assert_eq!((decision.total(), decision.reason), (12, Reason::AtMaximum));
    assert!(decision.wished > 40);
    world.variants[0].max_replicas = 5;
    assert_eq!(world.run(1, 40.0).total(), 5, "a smaller bound is obeyed at once");
    world.variants[0].min_replicas = 4;
    let decision = world.run(900, 0.5);
    assert_eq!((decision.total(), decision.reason), (4, Reason::AtMinimum));
}

#[test]
fn without_free_gpus_the_wish_is_capped_and_said() {
    let mut world = settled(10, 8.0);
    world.variants[0].room = Some(3);
    let decision = world.run(3, 40.0);
    assert_eq!((decision.total(), decision.reason), (13, Reason::NoFreeGPU));
    let said = decision.to_string();
    assert!(said.contains("are wanted, GPUs are free for 13"), "{said}");
    world.variants[0].room = Some(0);
    world.variants[0].supply = Supply { ready: 10, pending: 3, ..Supply::default() };
    assert_eq!(world.run(1, 40.0).total(), 13, "those that wait for a GPU stay asked for");
}

#[test]
fn missing_and_stale_reports_hold() {
    let mut world = settled(10, 8.0);
    let decision = world.pass(None);
    assert_eq!((decision.total(), decision.reason), (10, Reason::MetricsUnavailable));
    let old = Demand { at: world.now, offered: Tokens::default(), ..world.demand(0.0, 0.0) };
    for _ in 0..3600 {
        world.now += jiff::SignedDuration::from_secs(1);
        world.decide(Some(old));
    }
    assert_eq!(world.replicas(), 10);
    world.run(299, 1.0);
    assert_eq!(world.replicas(), 10, "nothing goes before a whole window was seen again");
    world.run(3, 1.0);
    assert_eq!(world.replicas(), 9);
}

fn always(replicas: u32) -> Schedule {
    Schedule::new("always", "UTC", &[], ("00:00", "00:00"), replicas).unwrap()
}

#[test]
fn bounds_and_schedules_that_change_the_number_are_named() {
    for (busy, change, replicas, reason) in [
        (Some(2.0), (0, 1000, 0), 10, Reason::Stabilizing),
        (Some(2.0), (0, 5, 0), 5, Reason::AtMaximum),
        (Some(20.0), (0, 5, 0), 5, Reason::AtMaximum),
        (Some(2.0), (12, 1000, 0), 12, Reason::AtMinimum),
        (Some(2.0), (0, 1000, 13), 13, Reason::Scheduled),
        (None, (0, 1000, 0), 10, Reason::MetricsUnavailable),
        (None, (0, 5, 0), 5, Reason::AtMaximum),
        (None, (12, 1000, 0), 12, Reason::AtMinimum),
        (None, (0, 1000, 13), 13, Reason::Scheduled),
    ] {
        let mut world = settled(10, 6.5);
        // Fewer would be enough by now.
        world.run(70, 2.0);
        let (min, max, scheduled) = change;
        (world.variants[0].min_replicas, world.variants[0].max_replicas) = (min, max);
        world.policy.schedules.extend((scheduled > 0).then(|| always(scheduled)));
        let demand = busy.map(|busy| world.demand(busy, 0.0));
        let decision = world.pass(demand);
        assert_eq!(
            (decision.total(), decision.reason),
            (replicas, reason),
            "{busy:?}, {change:?}: {decision}"
        );
        let told = world.history.iter().next().map(|change| change.reason);
        assert_eq!(told, (replicas != 10).then_some(reason));
    }
}

#[test]
fn what_only_a_schedule_keeps_is_told_as_such() {
    for (scheduled, min, busy, reason) in [
        (5, 0, 0.5, Reason::Scheduled),
        (5, 0, 0.0, Reason::Scheduled),
        (1, 0, 4.0, Reason::WithinTarget),
        (5, 0, 4.0, Reason::WithinTarget),
        (5, 5, 0.5, Reason::AtMinimum),
    ] {
        let mut world = World::one(5);
        world.variants[0].min_replicas = min;
        world.policy.schedules.push(always(scheduled));
        for _ in 0..3 {
            let decision = world.run(200, busy);
            assert_eq!(
                (decision.total(), decision.reason),
                (5, reason),
                "{scheduled}, {min}, {busy}: {decision}"
            );
        }
    }
}

#[test]
fn one_that_must_be_there_is_no_schedule() {
    let mut world = World::one(0);
    let decision = world.run(1, 0.0);
    assert_eq!((decision.total(), decision.reason), (1, Reason::AtMinimum));
}

#[test]
fn what_is_held_without_reports_says_why() {
    let said = |replicas: u32, change: fn(&mut World)| {
        let mut world = World::one(replicas);
        change(&mut world);
        world.pass(None).to_string()
    };
    insta::assert_snapshot!(said(2, |_| ()), @"neither routers nor engines report: 2 are kept");
    insta::assert_snapshot!(
        said(2, |world| world.policy.schedules.push(always(4))),
        @"neither routers nor engines report: a schedule keeps 4"
    );
    insta::assert_snapshot!(
        said(2, |world| world.variants[0].min_replicas = 3),
        @"neither routers nor engines report: 3 are the fewest allowed"
    );
    insta::assert_snapshot!(
        said(2, |world| world.variants[0].max_replicas = 1),
        @"neither routers nor engines report: 1 are the most allowed"
    );
}

#[test]
fn a_replica_that_does_four_times_as_much_is_enough_for_a_schedule_without_reports_too() {
    let mut world = World::one(0);
    let fast = Variant { capacity: Capacity::new(4.0, 4.0).unwrap(), ..world.variants[0] };
    world.variants.push(Variant { supply: Supply { ready: 1, ..Supply::default() }, ..fast });
    world.policy.schedules.push(always(2));
    assert_eq!(world.run(70, 0.5).total(), 1);
    assert_eq!(world.pass(None).replicas, [0, 1]);
}

#[test]
fn every_message_has_its_figures() {
    let mut world = settled(10, 8.0);
    let decision = world.run(70, 12.0);
    insta::assert_snapshot!(
        decision.to_string(),
        @"12 prompt and 0 completion tokens/s keep 12.0 replicas busy; 15 are right"
    );
    let rose = world.history.iter().next().unwrap();
    insta::assert_snapshot!(
        rose.message,
        @"12 prompt and 0 completion tokens/s keep 12.0 replicas busy; 15 are wanted instead of 10"
    );
    world.run(600, 3.0);
    let fell = world.history.iter().next().unwrap();
    insta::assert_snapshot!(
        fell.message,
        @"3 prompt and 0 completion tokens/s keep 3.0 replicas busy; no more than 4.3 were needed all through the window, 5 stay"
    );
}

#[test]
fn the_last_five_changes_are_remembered_and_repeats_are_one() {
    let mut world = World::one(1);
    for step in 1..=8 {
        world.run(70, f64::from(step) * 2.0);
    }
    let history: Vec<_> = world.history.iter().collect();
    assert_eq!(history.len(), 5);
    assert!(history.windows(2).all(|pair| pair[0].at > pair[1].at && pair[0].from == pair[1].to));

    let mut world = World::one(1);
    world.run(70, 0.5);
    world.run(3, 4.0);
    for _ in 0..3 {
        world.variants[0].supply = Supply { ready: 1, ..Supply::default() };
        world.run(1, 4.0);
    }
    assert_eq!(world.history.iter().count(), 1, "an answer that was not seen yet is not given twice");
}
