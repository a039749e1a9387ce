//! Several deployments of one model.

use super::world::{World, policy, variant};
use crate::decide::scale::{Capacity, Reason, Supply, Variant};

fn of(ready: u32, speed: f64, hourly_cost: f64) -> Variant {
    Variant { capacity: Capacity::new(speed, speed).unwrap(), hourly_cost, ..variant(ready) }
}

fn counts(world: &World) -> Vec<u32> {
    world.variants.iter().map(|v| v.supply.replicas()).collect()
}

#[test]
fn the_cheapest_per_capacity_grows_first_and_the_dearest_shrinks_first() {
    // Twice as fast for three times the price, and four times as fast for twice the price.
    let mut small = of(2, 1.0, 1.0);
    small.min_replicas = 1;
    let mut bargain = of(0, 4.0, 2.0);
    bargain.max_replicas = 2;
    let mut world = World::new(policy(), vec![small, of(0, 2.0, 3.0), bargain]);
    world.run(70, 4.6);
    assert_eq!(counts(&world), [2, 0, 1], "4.6 / 0.85 - 2 = 3.4: one that counts four");
    world.run(70, 11.0);
    assert_eq!(counts(&world), [5, 0, 2], "then the second cheapest");
    world.variants[0].max_replicas = 5;
    world.run(70, 14.0);
    assert_eq!(counts(&world), [5, 2, 2], "and the dearest last");
    world.run(800, 6.3);
    assert_eq!(counts(&world), [1, 0, 2], "the dearest goes first, and one stays where one must");
}

#[test]
fn a_card_that_is_not_to_be_had_is_made_up_for_by_another() {
    let mut cheap = of(1, 1.0, 1.0);
    cheap.room = Some(0);
    let mut world = World::new(policy(), vec![cheap, of(0, 1.0, 2.0)]);
    world.run(70, 2.8);
    assert_eq!(counts(&world), [1, 3]);
}

#[test]
fn the_same_free_gpus_are_not_given_to_two() {
    let wants =
        |ready, hourly_cost, room| Variant { room: Some(room), pool: Some(0), ..of(ready, 1.0, hourly_cost) };
    let mut world = World::new(policy(), vec![wants(1, 1.0, 2), wants(0, 2.0, 2)]);
    world.run(70, 500.0);
    let first = |world: &World| world.changes.first().map(|(_, before, after)| (*before, *after));
    assert_eq!(first(&world), Some((1, 3)), "two are free");
    let mut pairs = wants(0, 2.0, 2);
    pairs.gpus = 2;
    let mut single = wants(1, 1.0, 5);
    single.max_replicas = 2;
    world = World::new(policy(), vec![single, pairs]);
    world.run(70, 500.0);
    assert_eq!(
        first(&world),
        Some((1, 3)),
        "one of five, and one pair: the second would need the one that is taken"
    );
}

#[test]
fn another_one_steps_in_for_what_gets_no_node_and_that_goes_when_it_is_not_needed() {
    let mut cheap = of(0, 1.0, 1.0);
    cheap.supply = Supply { pending: 1, stuck: 1, ..Supply::default() };
    // It is something else that is missing.
    cheap.room = Some(5);
    let mut world = World::new(policy(), vec![cheap, of(0, 1.0, 2.0)]);
    let decision = world.run(1, 0.1);
    assert_eq!((counts(&world), decision.reason), (vec![1, 1], Reason::Waking), "the dear one serves");
    world.run(400, 0.1);
    assert_eq!(counts(&world), [0, 1], "after the window what waits goes, and not what serves");
}

#[test]
fn another_one_steps_in_for_what_fails_and_nobody_adds_more_of_that() {
    let mut cheap = of(0, 1.0, 1.0);
    cheap.supply = Supply { loading: 1, failing: 1, ..Supply::default() };
    let mut world = World::new(policy(), vec![cheap, of(0, 1.0, 2.0)]);
    let decision = world.run(1, 3.0);
    assert_eq!((counts(&world)[0], decision.reason), (1, Reason::Waking));
    assert!(counts(&world)[1] >= 1, "the dear one serves");
}

#[test]
fn where_others_of_its_kind_serve_more_come_for_one_that_fails() {
    let mut only = of(1, 1.0, 1.0);
    only.supply = Supply { ready: 1, loading: 1, failing: 1, ..Supply::default() };
    let mut world = World::new(policy(), vec![only]);
    world.run(30, 1.6);
    assert!(world.replicas() >= 3, "{:?}", world.changes);
}

#[test]
fn where_nobody_can_step_in_the_reason_says_so() {
    let mut cheap = of(0, 1.0, 1.0);
    cheap.supply = Supply { pending: 1, stuck: 1, ..Supply::default() };
    let none = |variant| Variant { room: Some(0), ..variant };
    let mut world = World::new(policy(), vec![none(cheap), none(of(0, 1.0, 2.0))]);
    let decision = world.run(10, 0.1);
    assert_eq!((counts(&world), decision.reason), (vec![1, 0], Reason::NoFreeGPU));
}
