//! Passes that are left out while nothing moves, and what a replica of the operator forgets that leads no more.

use super::bench::{Bench, SECOND, capacity, key, object};
use flotilla_crds::router_config::BackendDemand;
use jiff::SignedDuration;
use serde_json::json;
use std::sync::Arc;

fn bench() -> Bench {
    let scaling = json!({"maxReplicas": 9, "minReplicas": 0, "scaleToZeroAfter": "30s", "gpuHourlyPrice": "0.60",
        "stabilizationWindow": "30s", "replicaCapacity": capacity()});
    Bench::new(vec![object("llama", scaling, 1, Some(1))]).with_pods("llama", 1).compared("llama")
}

#[test]
fn nothing_is_decided_while_nothing_moves_but_that_time_goes_by() {
    let mut bench = bench();
    bench.second("llama", 10, 0);
    let before = bench.passes;
    for _ in 0..27 {
        bench.second("llama", 0, 0);
    }
    assert!((5..=6).contains(&(bench.passes - before)), "{} in 27 s", bench.passes - before);
    assert_eq!(bench.desired("llama"), 1);
    for _ in 0..9 {
        bench.second("llama", 0, 0);
    }
    assert_eq!((bench.desired("llama"), bench.reason("llama").as_str()), (0, "Idle"));
}

#[test]
fn whatever_moves_is_seen_in_the_same_second() {
    let moves: [fn(&mut Bench); 5] = [
        |bench| bench.second("llama", 1, 1),
        |bench| {
            bench.engine(0, (1, 0));
            bench.pass();
        },
        |bench| {
            bench.world.pods.clear();
            bench.pass();
        },
        |bench| {
            bench.world.objects[0] = Arc::new(bench.world.objects[0].as_ref().clone());
            bench.pass();
        },
        |bench| {
            bench.world.inventory = Arc::new(bench.world.inventory.as_ref().clone());
            bench.pass();
        },
    ];
    for (nth, something) in moves.into_iter().enumerate() {
        let mut bench = bench();
        for _ in 0..3 {
            bench.second("llama", 0, 0);
        }
        let before = bench.passes;
        something(&mut bench);
        assert_eq!(bench.passes - before, 1, "move {nth}");
    }
}

#[test]
fn a_clock_that_goes_back_ends_the_rest() {
    let mut bench = bench();
    for _ in 0..3 {
        bench.second("llama", 0, 0);
    }
    let before = bench.passes;
    bench.now -= SignedDuration::from_hours(1);
    bench.second("llama", 0, 0);
    assert_eq!(bench.passes - before, 1);
}

#[test]
fn after_a_clock_went_back_things_are_seen_as_after_a_restart() {
    let mut bench = bench();
    for second in 0..70 {
        bench.engine(second * SECOND / 2, (1, 0));
        bench.second("llama", SECOND / 2, 1);
    }
    bench.reports.take("apps/gone", vec![waiting_forever()], bench.now);
    bench.now -= SignedDuration::from_hours(1);
    bench.second("llama", SECOND / 2, 1);
    let asked = bench.passes;
    for second in 0..20 {
        bench.engine(second * SECOND / 2, (1, 0));
        bench.second("llama", SECOND / 2, 1);
    }
    assert_eq!((bench.desired("llama"), bench.passes - asked), (1, 20));
    assert!(!bench.engines.sums(bench.now).is_empty(), "engines were asked");
    for _ in 0..6 {
        bench.second("llama", 5 * SECOND, 5);
    }
    assert!(bench.desired("llama") > 1, "{}", bench.reason("llama"));
    let grown = bench.desired("llama");
    for second in 0..30 {
        bench.second("llama", 0, 0);
        assert!(bench.desired("llama") >= grown, "{second} s: no window was seen");
    }
    for _ in 0..200 {
        bench.engine(0, (0, 0));
        bench.second("llama", 0, 0);
    }
    assert_eq!(
        bench.desired("llama"),
        0,
        "{}: a router that is gone asks for nothing",
        bench.reason("llama")
    );
}

fn waiting_forever() -> BackendDemand {
    let (policy, backend) = ("apps/split".to_owned(), "llama".to_owned());
    BackendDemand { policy, backend, in_flight: 7, ..BackendDemand::default() }
}

/// A burst after any number of quiet seconds, once as it is, and once with a world that moves every second.
#[test]
fn what_comes_after_a_rest_is_counted_once() {
    for quiet in 1..12 {
        let after = |moves: bool| {
            let mut bench = bench();
            for second in 0..100 + quiet {
                if moves {
                    bench.world.inventory = Arc::new(bench.world.inventory.as_ref().clone());
                }
                let (asked, burst) = (second < 70, second == 70 + quiet);
                let offered = u64::from(asked) * SECOND / 2 + u64::from(burst) * 60 * SECOND;
                bench.served += offered.min(SECOND);
                bench.second("llama", offered, u32::from(asked));
            }
            let status = bench.board.status(bench.object("llama")).unwrap();
            (bench.passes, (status.desired, status.reason, status.economics))
        };
        let ((fewer, rested), (all, never)) = (after(false), after(true));
        assert_eq!(rested, never, "after {quiet} quiet seconds");
        assert!(fewer < all);
    }
}

#[test]
fn a_replica_that_leads_again_knows_nothing_of_the_time_before() {
    let mut bench = bench();
    for _ in 0..70 {
        bench.second("llama", 5 * SECOND, 5);
    }
    assert!(bench.desired("llama") > 1);
    bench.autoscaler.resign();
    assert_eq!(bench.board.desired(&key("llama")), None, "the other replica's is in the status");
    bench.second("llama", SECOND, 5);
    assert_eq!(bench.desired("llama"), 1, "what the status has");
}
