//! Several deployments of one model.

use super::world::{World, policy, variant};
use crate::decide::scale::{Capacity, Variant};

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
