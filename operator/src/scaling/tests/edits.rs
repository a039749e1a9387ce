//! Specs that change while a model is scaled.

use super::super::*;
use super::bench::{Bench, capacity, object};
use flotilla_crds::router_config::SpillState;
use serde_json::json;

#[test]
fn old_advice_is_not_carried_out_by_who_becomes_active() {
    let in_mode = |mode: &str| {
        let scaling = json!({"mode": mode, "maxReplicas": 9, "stabilizationWindow": "60s",
            "replicaCapacity": capacity()});
        object("llama", scaling, 4, Some(4))
    };
    let mut bench = Bench::new(vec![in_mode("Advisory")]).with_pods("llama", 4);
    for _ in 0..120 {
        bench.second("llama", 10, 1);
    }
    assert_eq!(bench.desired("llama"), 1);
    bench.edit(in_mode("Active"));
    assert_eq!(effective(bench.object("llama"), &bench.board).spec.replicas, 4, "nothing was decided yet");
    for _ in 0..60 {
        bench.second("llama", 10, 1);
        assert_eq!(effective(bench.object("llama"), &bench.board).spec.replicas, 4, "no window was seen");
    }
    for _ in 0..5 {
        bench.second("llama", 10, 1);
    }
    assert_eq!(effective(bench.object("llama"), &bench.board).spec.replicas, 3, "one at a time");
}

#[test]
fn requests_come_back_though_the_spec_cannot_be_carried_out_any_more() {
    let scaling = || json!({"maxReplicas": 9, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling(), 1, Some(1))]).spilling("llama", &[]);
    bench.second("llama", 10, 1);
    assert_eq!(bench.spill("llama"), Some((SpillState::Pending, 100)));
    let mut invalid = object("llama", scaling(), 1, Some(1));
    invalid.metadata.generation = Some(2);
    let status = invalid.status.as_mut().unwrap();
    (status.memory, status.quantization) = (None, None);
    bench.edit(invalid);
    bench = bench.with_pods("llama", 1);
    for _ in 0..20 {
        bench.second("llama", 10, 1);
    }
    assert_eq!(bench.spill("llama"), None);
    assert_eq!(bench.desired("llama"), 1);
}
