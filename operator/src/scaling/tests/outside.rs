//! What policies are told of a model that cannot take all, each for the states that it names.

use super::super::*;
use super::bench::{Bench, SECOND, capacity, key, object};
use flotilla_crds::router_config::SpillState;
use flotilla_crds::routing_policy::SpillSpec;
use serde_json::json;
use std::sync::Arc;

fn spec(when: &[SpillState]) -> SpillSpec {
    SpillSpec { backend: "api".to_owned(), when: when.to_vec() }
}

/// What a policy's routers are told.
fn told(bench: &Bench, when: &[SpillState]) -> Option<(SpillState, u8)> {
    let spill = spill_told(Some(&spec(when)), spilling(bench.object("llama"), &bench.board))?;
    Some((spill.state, spill.percent))
}

/// A model that waits for its one replica while eight would be busy, and policies that spill in these states.
fn asked(policies: &[&[SpillState]]) -> Bench {
    let scaling = json!({"maxReplicas": 1, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, Some(1))]);
    let targets = Arc::get_mut(&mut bench.world.targets).unwrap();
    for (nth, when) in policies.iter().enumerate() {
        targets.spill(&key("llama"), Outlet { policy: format!("apps/{nth}"), spec: spec(when) });
    }
    for _ in 0..20 {
        bench.second("llama", 8 * SECOND, 1);
    }
    bench
}

#[test]
fn who_spills_only_what_is_too_much_does_so_as_soon_as_a_replica_serves() {
    use SpillState::{Pending, Saturated};
    for policies in [&[&[Saturated][..]][..], &[&[], &[Saturated]]] {
        let mut bench = asked(policies);
        assert_eq!(told(&bench, &[Saturated]), None, "nothing serves");
        bench = bench.with_pods("llama", 1);
        bench.second("llama", 8 * SECOND, 1);
        let (state, percent) = told(&bench, &[Saturated]).unwrap();
        assert!(state == Saturated && (80..=95).contains(&percent), "{state:?}: {percent}");
        let first = if policies.len() > 1 { Pending } else { Saturated };
        assert_eq!(bench.spill("llama").map(|(state, _)| state), Some(first));
        if policies.len() > 1 {
            assert_eq!(told(&bench, &[]), Some((Pending, 100)), "a replica has to serve for a while");
        }
        let routers_told = bench.routers_told;
        bench.second("llama", 8 * SECOND, 1);
        assert_eq!(bench.routers_told, routers_told, "it is as before");
    }
}

#[test]
fn who_spills_what_is_too_much_has_it_back_when_that_is_over() {
    let mut bench = asked(&[&[], &[SpillState::Saturated]]).with_pods("llama", 1);
    for _ in 0..3 {
        bench.second("llama", 8 * SECOND, 1);
    }
    for _ in 0..120 {
        bench.second("llama", 1, 1);
    }
    assert_eq!((told(&bench, &[SpillState::Saturated]), told(&bench, &[])), (None, None));
}
