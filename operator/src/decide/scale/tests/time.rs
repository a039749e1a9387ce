//! How decisions follow each other.

use super::world::{World, policy};
use crate::decide::scale::{Policy, Reason, Schedule, Supply};
use jiff::SignedDuration;

#[test]
fn down_by_the_largest_demand_of_the_window_one_at_a_time() {
    let mut world = World::one(10);
    world.run(400, 8.0);
    world.run(250, 2.0);
    assert_eq!(world.changes, [], "eight were needed within the window");
    assert_eq!(world.run(1, 2.0).reason, Reason::Stabilizing);
    world.run(600, 2.0);
    assert!(world.changes.iter().all(|(_, from, to)| from - to == 1), "{:?}", world.changes);
    let gaps: Vec<_> = world.changes.windows(2).map(|pair| pair[1].0 - pair[0].0).collect();
    assert!(gaps.iter().all(|gap| *gap >= 10), "{gaps:?}");
    assert_eq!(world.replicas(), 3);
}

#[test]
fn while_one_drains_no_other_goes() {
    let mut world = World::one(10);
    world.run(330, 2.0);
    let before = world.replicas();
    world.variants[0].supply.draining = 1;
    let decision = world.run(60, 2.0);
    assert_eq!((decision.total(), decision.reason), (before, Reason::Draining));
}

#[test]
fn to_zero_after_idling_and_back_at_the_first_request() {
    let minutes = SignedDuration::from_mins;
    let policy = Policy { scale_to_zero_after: Some(minutes(10)), ..policy() };
    let mut world = World::new(policy, vec![super::world::variant(3)]);
    world.run(400, 2.0);
    world.run(599, 0.0);
    assert_eq!(world.replicas(), 1, "the last stays until the time is over");
    world.run(20, 0.0);
    assert_eq!(world.replicas(), 0);
    assert_eq!(world.history.iter().next().unwrap().reason, Reason::Idle);
    world.run(3600, 0.0);
    assert_eq!(world.replicas(), 0);

    let herd = world.demand(500.0, 500.0);
    world.changes.clear();
    let decision = world.pass(Some(herd));
    assert_eq!(decision.reason, Reason::Waking);
    assert!(decision.total() >= 1);
    // None of them serves for two minutes, and the burst was all: it wakes the model once.
    world.variants[0].supply = Supply { loading: decision.total(), ..Supply::default() };
    for _ in 0..100 {
        let queue = world.demand(0.0, 500.0);
        world.pass(Some(queue));
        let there = world.replicas();
        world.variants[0].supply = Supply { loading: there, ..Supply::default() };
    }
    assert_eq!(world.changes.len(), 1, "{:?}", world.changes);
}

#[test]
fn a_short_time_of_idling_is_kept_though_the_last_minute_was_busy() {
    let seconds = SignedDuration::from_secs;
    let policy = Policy { scale_to_zero_after: Some(seconds(10)), window: seconds(10), ..policy() };
    let mut world = World::new(policy, vec![super::world::variant(1)]);
    for second in 0..400 {
        world.run(1, f64::from(second) / 1000.0);
    }
    world.run(9, 0.0);
    assert_eq!(world.replicas(), 1);
    world.run(3, 0.0);
    assert_eq!((world.history.iter().next().unwrap().reason, world.replicas()), (Reason::Idle, 0));
    world.changes.clear();
    world.run(120, 0.0);
    assert_eq!(world.changes, [], "what was asked before does not wake it");
}

#[test]
fn idling_is_for_the_last_one_and_for_who_has_seen_a_window() {
    let policy = Policy { scale_to_zero_after: Some(SignedDuration::from_secs(10)), ..policy() };
    let mut world = World::new(policy.clone(), vec![super::world::variant(5)]);
    world.run(400, 4.0);
    world.run(280, 0.0);
    assert_eq!(world.replicas(), 5, "four were needed within the window");
    world.run(200, 0.0);
    assert_eq!(world.replicas(), 0);
    assert!(world.changes.iter().all(|(_, from, to)| from - to == 1), "{:?}", world.changes);

    let mut restarted = World::new(policy, vec![super::world::variant(1)]);
    restarted.run(299, 0.0);
    assert_eq!(restarted.replicas(), 1, "a router may not be heard yet");
    restarted.run(10, 0.0);
    assert_eq!(restarted.replicas(), 0);
}

#[test]
fn a_model_at_zero_stays_there_over_a_restart() {
    let policy = Policy { scale_to_zero_after: Some(SignedDuration::from_mins(10)), ..policy() };
    let mut restarted = World::new(policy, vec![super::world::variant(0)]);
    restarted.run(100, 0.0);
    assert_eq!(restarted.changes, []);
    assert_eq!(restarted.run(1, 0.5).reason, Reason::Waking);
}

#[test]
fn without_leave_to_go_to_zero_one_stays() {
    let mut world = World::one(2);
    world.run(7200, 0.0);
    assert_eq!(world.replicas(), 1);
}

#[test]
fn a_schedule_is_met_before_it_begins_and_left_by_the_usual_way() {
    let office = Schedule::new("office", "UTC", &["Mon"], ("00:10", "01:00"), 5).unwrap();
    let policy = Policy { schedules: vec![office], ..policy() };
    let mut world = World::new(policy, vec![super::world::variant(1)]);
    world.run(479, 0.5);
    assert_eq!(world.replicas(), 1);
    let decision = world.run(1, 0.5);
    assert_eq!((decision.total(), decision.reason), (5, Reason::Scheduled), "two minutes before");
    world.run(3000, 0.5);
    assert_eq!(world.replicas(), 5);
    world.run(600, 0.5);
    assert_eq!(world.replicas(), 1);
}

#[test]
fn a_schedule_does_not_wait_for_reports() {
    let always = Schedule::new("always", "UTC", &[], ("00:00", "00:00"), 4).unwrap();
    let policy = Policy { schedules: vec![always], ..policy() };
    let mut world = World::new(policy, vec![super::world::variant(1)]);
    assert_eq!(world.pass(None).total(), 4);
}
