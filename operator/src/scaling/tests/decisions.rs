//! What is decided, posted and forgotten.

use super::super::*;
use super::bench::{Bench, SECOND, capacity, key, object};
use crate::decide::placement::testing::{inventory, node, takes};
use flotilla_crds::router_config::SpillState;
use flotilla_crds::routing_policy::SpillSpec;
use kube::core::DeserializeGuard;
use serde_json::{Value, json};
use std::sync::Arc;

#[test]
fn replicas_follow_what_is_offered_and_the_decision_is_told_once() {
    let scaling = json!({"maxReplicas": 9, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling, 7, Some(1))]).with_pods("llama", 1);
    for _ in 0..20 {
        bench.second("llama", SECOND / 2, 1);
    }
    assert_eq!(bench.desired("llama"), 1, "half of a replica, whatever spec.replicas says");
    let before = bench.news.len();
    for _ in 0..10 {
        bench.second("llama", 4 * SECOND, 1);
    }
    let desired = bench.desired("llama");
    assert!(
        (5..=9).contains(&desired),
        "{desired}: four busy replicas at 85 %, and what piles up until they are there"
    );
    assert_eq!(bench.news.len(), before + 1, "{:?}", bench.news);
}

#[test]
fn who_only_advises_shows_it_and_leaves_the_replicas() {
    let scaling = json!({"mode": "Advisory", "maxReplicas": 9, "replicaCapacity": capacity()});
    let advisory = object("llama", scaling, 2, Some(2));
    let mut bench = Bench::new(vec![advisory.clone()]).with_pods("llama", 2);
    for _ in 0..30 {
        bench.second("llama", 5 * SECOND, 1);
    }
    assert!(bench.desired("llama") > 5);
    assert_eq!(effective(&advisory, &bench.board).spec.replicas, 2);
    let history = bench.board.status(&advisory).unwrap().history;
    assert_eq!(history.last().map(|change| change.from), Some(2), "{history:?}");
}

#[test]
fn what_is_advised_or_published_does_not_waver() {
    for mode in ["Advisory", "External"] {
        let scaling = json!({"mode": mode, "maxReplicas": 9, "stabilizationWindow": "60s",
            "replicaCapacity": capacity()});
        let mut bench = Bench::new(vec![object("llama", scaling, 4, Some(4))]).with_pods("llama", 4);
        for _ in 0..120 {
            bench.second("llama", 10, 1);
        }
        let mut told = Vec::new();
        for _ in 0..60 {
            bench.second("llama", 10, 1);
            told.push(bench.gauge());
        }
        assert!(told.iter().all(|replicas| *replicas == Some(1.0)), "{mode}: {told:?}");
        let status = bench.board.status(bench.object("llama")).unwrap();
        let shown = if mode == "Advisory" { 1 } else { 4 };
        assert_eq!((status.desired, status.capacity_tokens_per_second), (shown, 400), "{mode}");
    }
}

#[test]
fn a_replica_more_or_less_by_others_begins_the_advice_anew() {
    let scaling = || {
        json!({"mode": "Advisory", "maxReplicas": 9, "stabilizationWindow": "60s",
        "replicaCapacity": capacity()})
    };
    let mut bench = Bench::new(vec![object("llama", scaling(), 4, Some(4))]).with_pods("llama", 4);
    for _ in 0..120 {
        bench.second("llama", 10, 1);
    }
    assert_eq!(bench.desired("llama"), 1);
    bench.world.objects = vec![Arc::new(DeserializeGuard(Ok(object("llama", scaling(), 3, Some(3)))))];
    bench.second("llama", 10, 1);
    assert!((2..=3).contains(&bench.desired("llama")), "{}", bench.desired("llama"));
}

#[test]
fn external_has_figures_and_no_decision() {
    let scaling = json!({"mode": "External", "maxReplicas": 9, "replicaCapacity": capacity()});
    let external = object("llama", scaling, 2, Some(2));
    let mut bench = Bench::new(vec![external.clone()]).with_pods("llama", 2);
    for _ in 0..70 {
        bench.second("llama", 5 * SECOND, 1);
    }
    let status = bench.board.status(&external).unwrap();
    assert_eq!((status.desired, status.reason.as_str(), status.history.len()), (2, "External", 0));
    assert!(status.offered_tokens_per_second > 400, "{status:?}");
    assert_eq!(status.capacity_tokens_per_second, 200);
}

#[test]
fn after_a_restart_nothing_goes_before_a_window_was_seen() {
    let scaling = json!({"maxReplicas": 9, "stabilizationWindow": "60s", "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, Some(5))]).with_pods("llama", 5);
    bench.pass();
    assert_eq!((bench.desired("llama"), bench.reason("llama").as_str()), (5, "MetricsUnavailable"));
    for _ in 0..60 {
        bench.second("llama", 10, 1);
    }
    assert_eq!(bench.desired("llama"), 5);
    for _ in 0..5 {
        bench.second("llama", 10, 1);
    }
    assert_eq!(bench.desired("llama"), 4, "one at a time");
}

#[test]
fn what_was_learned_of_replicas_survives_a_restart() {
    let scaling = || json!({"maxReplicas": 1, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling(), 1, Some(1))]).with_pods("llama", 1);
    for _ in 0..150 {
        // It is asked for more than it does, which is half of what is believed.
        bench.served += SECOND / 2;
        bench.second("llama", SECOND, 9);
    }
    let before = bench.board.status(bench.object("llama")).unwrap();
    assert_eq!(before.capacity_tokens_per_second, 50);

    let restarted = |scaling, status| {
        let mut after = object("llama", scaling, 1, Some(1));
        after.status.as_mut().unwrap().scaling = Some(status);
        let mut bench = Bench::new(vec![after]).with_pods("llama", 1);
        bench.pass();
        bench.board.status(bench.object("llama")).unwrap()
    };
    let after = restarted(scaling(), before.clone());
    assert_eq!((after.capacity_tokens_per_second, &after.learned), (50, &before.learned));

    let other = json!({"promptTokensPerSecond": 900, "completionTokensPerSecond": 50});
    let edited = restarted(json!({"maxReplicas": 1, "replicaCapacity": other}), before);
    assert_eq!((edited.learned.len(), edited.capacity_tokens_per_second), (0, 95), "it is of another prior");
}

#[test]
fn what_was_learned_is_of_one_quantization() {
    let scaling = || json!({"maxReplicas": 1, "replicaCapacity": capacity()});
    let of = |quantization: &str| {
        let mut object = object("llama", scaling(), 1, Some(1));
        object.status.as_mut().unwrap().quantization = Some(quantization.to_owned());
        object
    };
    let mut bench = Bench::new(vec![of("Q4_K_M")]).with_pods("llama", 1);
    for _ in 0..150 {
        bench.served += SECOND / 2;
        bench.second("llama", SECOND, 9);
    }
    let learned = |bench: &Bench| bench.board.status(bench.object("llama")).unwrap();
    assert_eq!((learned(&bench).capacity_tokens_per_second, learned(&bench).learned.len()), (50, 1));
    // The file has been read since, and says otherwise; nothing else changed.
    bench.edit(of("Q8_0"));
    bench.second("llama", SECOND, 9);
    assert_eq!((learned(&bench).capacity_tokens_per_second, learned(&bench).learned.len()), (100, 0));
}

#[test]
fn a_model_whose_clients_use_no_router_is_scaled_by_what_its_engine_says_and_keeps_a_replica() {
    let scaling = json!({"maxReplicas": 9, "minReplicas": 0, "scaleToZeroAfter": "20s",
        "stabilizationWindow": "30s", "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, Some(1))]).with_pods("llama", 1);
    let mut tokens = 0;
    for _ in 0..70 {
        tokens += SECOND;
        bench.engine(tokens, (4, 40));
        bench.pass();
    }
    assert!(bench.desired("llama") > 1, "it is full, and requests wait: {}", bench.reason("llama"));
    for _ in 0..300 {
        bench.engine(tokens, (0, 0));
        bench.pass();
    }
    assert_eq!(bench.desired("llama"), 1, "nobody would wake it: {}", bench.reason("llama"));
}

#[test]
fn what_comes_beside_routers_is_demand_too() {
    let scaling = json!({"maxReplicas": 9, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, Some(1))]).with_pods("llama", 1);
    let mut tokens = 0;
    for _ in 0..400 {
        tokens += 2 * SECOND;
        bench.served += SECOND / 2;
        // Of four requests, routers know one.
        bench.engine(tokens, (4, 0));
        bench.second("llama", SECOND / 2, 1);
    }
    let offered = bench.board.status(bench.object("llama")).unwrap().offered_tokens_per_second;
    assert!((190..=210).contains(&offered), "{offered}");
    assert!(bench.desired("llama") > 1, "{}", bench.reason("llama"));
}

#[test]
fn five_hundred_requests_at_zero_are_one_decision() {
    let scaling = json!({"maxReplicas": 9, "minReplicas": 0, "scaleToZeroAfter": "20s",
        "stabilizationWindow": "20s"});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, None)]).with_pods("llama", 1);
    for _ in 0..25 {
        bench.second("llama", 0, 0);
    }
    assert_eq!((bench.desired("llama"), bench.reason("llama").as_str()), (0, "Idle"));
    bench.world.pods.clear();
    let before = bench.news.len();
    for _ in 0..5 {
        bench.second("llama", 0, 500);
    }
    assert_eq!((bench.desired("llama"), bench.reason("llama").as_str()), (1, "Waking"));
    assert_eq!(bench.news.len(), before + 1, "{:?}", bench.news);
}

#[test]
fn requests_go_outside_from_zero_until_a_replica_has_served_for_a_while() {
    let scaling = json!({"maxReplicas": 9, "minReplicas": 0, "scaleToZeroAfter": "20s"});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, Some(0))]).spilling("llama", &[]);
    bench.second("llama", 0, 0);
    assert_eq!(bench.spill("llama"), Some((SpillState::ScaledToZero, 100)));
    let message = bench.board.status(bench.object("llama")).unwrap().spill.unwrap().message;
    assert_eq!(
        message,
        "there is no replica: all requests that may leave the cluster go to api (policy apps/split)"
    );
    bench.second("llama", 10, 3);
    assert_eq!((bench.desired("llama"), bench.spill("llama")), (1, Some((SpillState::Pending, 100))));
    assert_eq!(bench.routers_told, 2);
    bench = bench.with_pods("llama", 1);
    for _ in 0..14 {
        bench.second("llama", 10, 3);
        assert_eq!(bench.spill("llama"), Some((SpillState::Pending, 100)));
    }
    bench.second("llama", 10, 3);
    assert_eq!((bench.spill("llama"), bench.routers_told), (None, 3));
}

#[test]
fn only_what_is_too_much_goes_outside_and_it_is_demand_all_the_same() {
    let scaling = json!({"maxReplicas": 2, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, Some(2))])
        .with_pods("llama", 2)
        .spilling("llama", &[SpillState::Saturated]);
    for _ in 0..90 {
        bench.second("llama", 4 * SECOND, 1);
    }
    let (state, percent) = bench.spill("llama").unwrap();
    assert_eq!(state, SpillState::Saturated);
    assert!((50..=60).contains(&percent), "two of four replicas' work is too much: {percent}");
    assert_eq!((bench.desired("llama"), bench.reason("llama").as_str()), (2, "AtMaximum"));
    assert!(bench.routers_told < 8, "{}: routers hear of it when it matters", bench.routers_told);
}

#[test]
fn a_state_that_no_policy_spills_in_is_not_told() {
    let scaling = || json!({"maxReplicas": 9, "minReplicas": 0});
    let zero = || vec![object("llama", scaling(), 1, Some(0))];
    let mut unwanted = Bench::new(zero()).spilling("llama", &[SpillState::Saturated]);
    let mut without = Bench::new(zero());
    for bench in [&mut unwanted, &mut without] {
        bench.second("llama", 0, 0);
        assert_eq!(bench.spill("llama"), None);
    }
}

#[test]
fn where_nothing_fits_or_nothing_is_free_the_state_says_so() {
    let scaling = json!({"maxReplicas": 9});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, Some(1))]).spilling("llama", &[]);
    bench.world.inventory = Arc::new(inventory(&[node("a", "NVIDIA-L4", 23034, 1)], &[takes("a", 1)]));
    bench.second("llama", 10, 1);
    let none_free = bench.spill("llama");
    bench.world.inventory = Arc::new(inventory(&[node("a", "NVIDIA-T400-4GB", 2048, 8)], &[]));
    bench.second("llama", 10, 1);
    assert_eq!(
        (none_free, bench.spill("llama")),
        (Some((SpillState::NoFreeGPU, 100)), Some((SpillState::NoFit, 100)))
    );
}

#[test]
fn after_a_restart_requests_stay_outside_until_it_is_known_that_they_need_not() {
    let scaling = json!({"maxReplicas": 9});
    let mut before = object("llama", scaling, 1, Some(1));
    before.status.as_mut().unwrap().scaling = serde_json::from_value(json!({
        "desired": 1, "reason": "AtMaximum", "spill":
            {"state": "Saturated", "percent": 40, "since": "2026-01-05T00:59:00Z", "message": "full"},
    }))
    .unwrap();
    let mut bench = Bench::new(vec![before]).with_pods("llama", 1).spilling("llama", &[]);
    bench.pass();
    assert_eq!(bench.spill("llama"), Some((SpillState::Saturated, 40)));
    for _ in 0..20 {
        bench.second("llama", 1, 1);
    }
    assert_eq!(bench.spill("llama"), None);
}

#[test]
fn objects_of_one_served_name_are_scaled_together() {
    let scaling = |rate: u64| {
        let capacity = json!({"promptTokensPerSecond": rate, "completionTokensPerSecond": rate});
        json!({"maxReplicas": 4, "replicaCapacity": capacity})
    };
    let objects =
        vec![object("big", scaling(4 * SECOND), 1, Some(1)), object("small", scaling(SECOND), 1, Some(1))];
    let mut bench = Bench::new(objects).with_pods("big", 1).with_pods("small", 1);
    for _ in 0..30 {
        bench.second("small", 8 * SECOND, 1);
    }
    let desired = (bench.desired("big"), bench.desired("small"));
    assert!(desired.0 > 1 && desired.1 == 1, "they cost the same, and the big one does more: {desired:?}");
}

#[test]
fn beside_objects_that_are_scaled_those_whose_number_is_set_stay_as_they_are() {
    let scaling = |mode: &str, rate: u64| {
        let capacity = json!({"promptTokensPerSecond": rate, "completionTokensPerSecond": rate});
        json!({"mode": mode, "maxReplicas": 9, "replicaCapacity": capacity})
    };
    let objects = vec![
        object("big", scaling("External", 4 * SECOND), 1, Some(1)),
        object("small", scaling("Active", SECOND), 1, Some(1)),
    ];
    let mut bench = Bench::new(objects).with_pods("big", 1).with_pods("small", 1);
    for _ in 0..30 {
        bench.second("small", 8 * SECOND, 1);
    }
    // The big one does half of it, though it would be the cheaper one to grow.
    assert!(bench.desired("small") >= 5, "{}: {}", bench.desired("small"), bench.reason("small"));
}

#[test]
fn a_dearer_object_at_zero_is_no_reason_to_go_outside_where_another_one_serves() {
    let scaling = || json!({"maxReplicas": 9, "minReplicas": 0, "replicaCapacity": capacity()});
    let world = || {
        let objects = vec![object("cheap", scaling(), 1, Some(1)), object("dear", scaling(), 1, Some(0))];
        Bench::new(objects).with_pods("cheap", 1).spilling("dear", &[])
    };
    let mut bench = world();
    bench.second("cheap", 10, 1);
    assert_eq!(bench.spill("dear"), None);
    for _ in 0..60 {
        bench.second("dear", 8 * SECOND, 1);
    }
    assert_eq!(bench.spill("dear").map(|(state, _)| state), Some(SpillState::Saturated));

    let mut only_dear = world();
    only_dear.world.targets = {
        let mut targets = Targets::default();
        targets.add("apps/split", "dear", key("dear"));
        let spec = SpillSpec { backend: "api".to_owned(), when: Vec::new() };
        targets.spill(&key("dear"), Outlet { policy: "apps/split".to_owned(), spec });
        Arc::new(targets)
    };
    only_dear.second("dear", 10, 1);
    assert_eq!(only_dear.spill("dear"), Some((SpillState::ScaledToZero, 100)), "its policy has nobody else");
}

#[test]
fn without_a_free_gpu_the_wish_is_capped_and_says_so() {
    let scaling = json!({"maxReplicas": 9, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, Some(1))]).with_pods("llama", 1);
    bench.world.inventory = Arc::new(inventory(&[node("a", "NVIDIA-L4", 23034, 2)], &[]));
    for _ in 0..30 {
        bench.second("llama", 8 * SECOND, 1);
    }
    assert_eq!((bench.desired("llama"), bench.reason("llama").as_str()), (3, "NoFreeGPU"));
}

#[test]
fn where_no_gpu_is_large_enough_it_says_so() {
    let scaling = json!({"maxReplicas": 9, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, Some(1))]);
    bench.world.inventory = Arc::new(inventory(&[node("a", "NVIDIA-T400-4GB", 2048, 8)], &[]));
    for _ in 0..30 {
        bench.second("llama", 8 * SECOND, 1);
    }
    assert_eq!((bench.desired("llama"), bench.reason("llama").as_str()), (1, "NoFit"));
}

#[test]
fn what_is_gone_or_not_scaled_any_more_is_forgotten() {
    let scaling = json!({"maxReplicas": 9});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, Some(1))]);
    bench.pass();
    assert_eq!(bench.board.desired(&key("llama")), Some(1));
    bench.world.objects = vec![Arc::new(DeserializeGuard(Ok(object("llama", Value::Null, 1, Some(1)))))];
    bench.pass();
    assert_eq!(bench.board.desired(&key("llama")), None);
}

#[test]
fn a_schedule_that_cannot_be_read_is_said_and_changes_nothing() {
    let scaling = json!({"maxReplicas": 9, "schedules": [{"name": "s", "timeZone": "Mars/Base", "start": "08:00",
        "end": "09:00", "minReplicas": 2}]});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, Some(3))]);
    bench.pass();
    assert_eq!((bench.desired("llama"), bench.reason("llama").as_str()), (3, "InvalidSpec"));
    assert_eq!(bench.gauge(), None);
    bench.world.objects.clear();
    bench.pass();
    assert_eq!(bench.board.desired(&key("llama")), None, "the next one of its name begins anew");
}

#[test]
fn a_model_that_is_not_sized_yet_waits() {
    let mut unsized_yet = object("llama", json!({"maxReplicas": 9}), 1, Some(1));
    unsized_yet.status = None;
    let mut bench = Bench::new(vec![unsized_yet]);
    bench.pass();
    assert_eq!(bench.board.desired(&key("llama")), None);
}

#[test]
fn who_scales_by_the_metrics_is_not_told_zero_where_nothing_is_known() {
    let scaling = json!({"mode": "External", "maxReplicas": 9, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling, 3, Some(3))]).with_pods("llama", 3);
    let figures = |bench: &Bench| {
        let names =
            ["offered_tokens_per_second", "backlog_tokens", "in_flight_requests", "served_tokens_per_second"];
        names.map(|name| bench.figure(name).is_some())
    };
    bench.pass();
    assert_eq!(figures(&bench), [false; 4], "before the first report");
    bench.second("llama", 2 * SECOND, 1);
    assert_eq!(figures(&bench), [false, true, true, true], "one second is no mean");
    for _ in 0..30 {
        bench.second("llama", 2 * SECOND, 1);
    }
    assert_eq!(figures(&bench), [true; 4]);
    for _ in 0..20 {
        bench.pass();
    }
    assert_eq!(figures(&bench), [false; 4], "nobody reports any more");
    let message = bench.board.status(bench.object("llama")).unwrap().message;
    assert!(message.contains("neither routers nor engines report"), "{message}");
}
