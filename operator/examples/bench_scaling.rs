//! What one scaling pass over two thousand models costs: `make bench-scaling`.

#![allow(clippy::expect_used, reason = "constants of its own: a broken one must stop it")]

use flotilla_operator::decide::scale::{
    Capacity, Demand, Policy, Scaler, Situation, Supply, Tokens, Variant,
};
use jiff::Timestamp;
use std::time::{Duration, Instant};

const MODELS: u32 = 2000;
/// Seconds of demand before it is measured, so that every memory is full.
const BEFORE: i64 = 400;
/// The shortest of so many passes is what it costs; the others were disturbed.
const PASSES: i64 = 100;

fn main() {
    let policy = Policy::default();
    let mut models: Vec<_> = (0..MODELS).map(|_| Scaler::new(&policy)).collect();
    (0..BEFORE).for_each(|second| pass(&mut models, &policy, second));
    let timed = |second| {
        let start = Instant::now();
        pass(&mut models, &policy, second);
        start.elapsed()
    };
    let shortest = (BEFORE..BEFORE + PASSES).map(timed).min().unwrap_or(Duration::MAX);
    println!("one pass over {MODELS} models: {:.1} ms", shortest.as_secs_f64() * 1e3);
}

fn pass(models: &mut [Scaler], policy: &Policy, second: i64) {
    let now = Timestamp::from_second(second).expect("a small number");
    for (model, nth) in models.iter_mut().zip(0_u32..) {
        // Every model at another load, and noisy.
        let noise = f64::from((nth * 31 + u32::try_from(second).unwrap_or_default() * 17) % 13);
        let offered = Tokens::new(f64::from(nth % 97) * 100.0 + noise * 50.0, noise);
        let variant = Variant {
            capacity: Capacity::new(1000.0, 100.0).expect("positive"),
            hourly_cost: 1.0,
            min_replicas: 1,
            max_replicas: 100,
            supply: Supply { ready: 1 + nth % 10, ..Supply::default() },
            room: Some(8),
        };
        let demand = Demand { at: now, offered, waiting: Tokens::default(), in_flight: 1 };
        let situation = Situation { policy, variants: &[variant], demand: Some(demand) };
        std::hint::black_box(model.decide(&situation, now));
    }
}
