//! Specs that change while a model is scaled.

use super::super::*;
use super::bench::{Bench, SECOND, capacity, object};
use crate::model_deployment::need::inputs;
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::MemoryStatus;
use flotilla_crds::router_config::SpillState;
use serde_json::{Value, json};

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

fn memory(object: &mut ModelDeployment) -> &mut MemoryStatus {
    object.status.as_mut().unwrap().memory.as_mut().unwrap()
}

#[test]
fn what_replicas_can_do_follows_from_the_spec_that_made_them() {
    let preset = |name: &str, generation: i64| {
        let mut object = object("llama", json!({"maxReplicas": 9}), 1, Some(1));
        object.metadata.generation = Some(generation);
        object.spec.model.preset = Some(name.to_owned());
        object
    };
    let mut experts = preset("qwen3-30b-a3b", 1);
    let made_by = inputs(&experts.spec);
    memory(&mut experts).inputs = Some(made_by.clone());
    let mut bench = Bench::new(vec![experts]).with_pods("llama", 1);
    let told = |bench: &mut Bench| {
        (0..5).for_each(|_| bench.second("llama", SECOND, 1));
        bench.figure("capacity_tokens_per_second").unwrap()
    };
    let before = told(&mut bench);
    // Nobody knows that one, so that it cannot be carried out, and the status has what there was.
    let mut unknown = preset("qwen3-30b-a3x", 2);
    memory(&mut unknown).inputs = Some(made_by);
    bench.edit(unknown);
    assert!((told(&mut bench) / before - 1.0).abs() < 1e-6, "the same replicas");
    let mut dense = preset("mistral-7b", 3);
    memory(&mut dense).inputs = Some(inputs(&dense.spec));
    bench.edit(dense);
    assert!(told(&mut bench) < before / 2.0, "all of its weights are read for each token");
}

#[test]
fn requests_come_back_though_the_spec_cannot_be_carried_out_any_more() {
    let scaling = || json!({"maxReplicas": 9, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling(), 1, Some(1))]).spilling("llama", &[]);
    bench.second("llama", 10, 1);
    assert_eq!(bench.spill("llama"), Some((SpillState::Pending, 100)));
    let mut invalid = object("llama", scaling(), 1, Some(1));
    invalid.metadata.generation = Some(2);
    memory(&mut invalid).inputs = Some("of a spec before it".to_owned());
    bench.edit(invalid);
    bench = bench.with_pods("llama", 1);
    for _ in 0..20 {
        bench.second("llama", 10, 1);
    }
    assert_eq!(bench.spill("llama"), None);
    assert_eq!(bench.desired("llama"), 1);
}

#[test]
fn while_a_schedule_cannot_be_read_requests_go_where_they_went() {
    let scaling = |zone: &str| {
        let night =
            json!({"name": "night", "timeZone": zone, "start": "22:00", "end": "23:00", "minReplicas": 2});
        object(
            "llama",
            json!({"maxReplicas": 9, "replicaCapacity": capacity(), "schedules": [night]}),
            1,
            Some(1),
        )
    };
    let mut bench = Bench::new(vec![scaling("UTC")]).spilling("llama", &[]);
    bench.second("llama", 10, 1);
    let before = bench.board.status(bench.object("llama")).unwrap();
    assert_eq!(bench.spill("llama"), Some((SpillState::Pending, 100)));
    let told = bench.routers_told;
    bench.edit(scaling("Mars/Base"));
    for _ in 0..30 {
        bench.second("llama", 10, 1);
        assert_eq!(bench.spill("llama"), Some((SpillState::Pending, 100)));
    }
    assert_eq!(bench.routers_told, told, "nothing is new for them");
    let held = bench.board.status(bench.object("llama")).unwrap();
    assert_eq!((held.desired, held.reason.as_str(), &held.spill), (1, "InvalidSpec", &before.spill));
    assert!(held.message.starts_with("schedule night: \"Mars/Base\""), "{}", held.message);
    assert!(held.message.contains("the rules before it hold"), "{}", held.message);
    (0..60).for_each(|_| bench.second("llama", 3 * SECOND, 1));
    assert!(bench.desired("llama") > 2, "by the rules that there were: {}", bench.desired("llama"));
    assert_eq!(bench.reason("llama"), "InvalidSpec");

    // Who begins with it knows no rules before it.
    let mut object = scaling("Mars/Base");
    object.status.as_mut().unwrap().scaling = Some(before);
    let mut bench = Bench::new(vec![object]).spilling("llama", &[]);
    bench.second("llama", 10, 1);
    let held = bench.board.status(bench.object("llama")).unwrap();
    assert_eq!((held.desired, held.reason.as_str()), (1, "InvalidSpec"));
    assert!(held.message.ends_with("what was decided before stays"), "{}", held.message);
    assert_eq!(bench.spill("llama"), Some((SpillState::Pending, 100)));
    let in_mode = |mode: &str, zone: &str| {
        let mut object = scaling(zone);
        object.spec.scaling.as_mut().unwrap().mode = serde_json::from_value(json!(mode)).unwrap();
        object
    };
    let mut advised = Bench::new(vec![in_mode("Advisory", "UTC")]).with_pods("llama", 1);
    (0..30).for_each(|_| advised.second("llama", 3 * SECOND, 1));
    let advice = advised.desired("llama");
    advised.edit(in_mode("Advisory", "Mars/Base"));
    advised.second("llama", 3 * SECOND, 1);
    assert!(advice > 1 && advised.desired("llama") == advice, "{advice}");

    bench.edit(scaling("UTC"));
    bench = bench.with_pods("llama", 1);
    for _ in 0..20 {
        bench.second("llama", 10, 1);
    }
    assert_eq!(bench.spill("llama"), None, "it can be read again");
}

/// Five replicas of which one has to do half of what it can, and an edit after 55 s.
fn edited(edit: &Value) -> Bench {
    let scaling = |edit: &Value| {
        let mut scaling =
            json!({"maxReplicas": 9, "stabilizationWindow": "60s", "replicaCapacity": capacity()});
        scaling.as_object_mut().unwrap().extend(edit.as_object().unwrap().clone());
        object("llama", scaling, 5, Some(5))
    };
    let mut bench = Bench::new(vec![scaling(&json!({}))]).with_pods("llama", 5);
    for _ in 0..55 {
        bench.second("llama", SECOND / 2, 1);
    }
    bench.edit(scaling(edit));
    bench
}

#[test]
fn a_spec_that_asks_for_something_else_does_not_make_the_load_unknown() {
    for edit in
        [json!({"gpuHourlyPrice": "0.60"}), json!({"hold": {"maxRequests": 7}}), json!({"maxReplicas": 8})]
    {
        let mut bench = edited(&edit);
        let offered = bench.figure("offered_tokens_per_second").unwrap();
        bench.second("llama", SECOND / 2, 1);
        let after = bench.figure("offered_tokens_per_second").unwrap();
        assert!((offered - after).abs() < 5.0, "{edit}: {offered} and then {after}");
        for _ in 0..10 {
            bench.second("llama", SECOND / 2, 1);
        }
        assert_eq!(bench.desired("llama"), 4, "{edit}: the window goes on");
    }
}

#[test]
fn another_window_has_to_be_seen() {
    let other = json!({"promptTokensPerSecond": SECOND, "completionTokensPerSecond": 2 * SECOND});
    for edit in [
        json!({"stabilizationWindow": "61s"}),
        json!({"targetUtilization": "80%"}),
        json!({"replicaCapacity": other}),
    ] {
        let mut bench = edited(&edit);
        for _ in 0..55 {
            bench.second("llama", SECOND / 2, 1);
        }
        assert_eq!(bench.desired("llama"), 5, "{edit}");
        assert!(bench.figure("offered_tokens_per_second").unwrap() > 40.0);
        for _ in 0..15 {
            bench.second("llama", SECOND / 2, 1);
        }
        assert_eq!(bench.desired("llama"), 4, "{edit}");
    }
}

#[test]
fn what_was_told_is_not_told_again_after_a_time_in_which_something_else_scaled() {
    let in_mode = |mode: &str| {
        let scaling = json!({"mode": mode, "maxReplicas": 9, "replicaCapacity": capacity()});
        object("llama", scaling, 1, Some(1))
    };
    let mut bench = Bench::new(vec![in_mode("Active")]).with_pods("llama", 1);
    (0..30).for_each(|_| bench.second("llama", 3 * SECOND, 1));
    let history = |bench: &Bench| bench.board.status(bench.object("llama")).unwrap().history;
    let told = history(&bench);
    assert!(!told.is_empty());
    bench.edit(in_mode("External"));
    bench.second("llama", 3 * SECOND, 1);
    assert_eq!((history(&bench), bench.reason("llama").as_str()), (told, "External"));
}

#[test]
fn who_leads_no_more_forgets_what_routers_said() {
    let scaling = json!({"maxReplicas": 9, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, Some(1))]).with_pods("llama", 1);
    bench.second("llama", SECOND, 3);
    assert!(!bench.reports.quiet());
    bench.autoscaler.resign();
    assert!(bench.reports.quiet());
}
