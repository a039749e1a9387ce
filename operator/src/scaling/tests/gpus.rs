//! What GPUs there are for replicas, and on which they are.

use super::bench::{Bench, SECOND, capacity, object, pod};
use crate::decide::placement::Inventory;
use crate::decide::placement::testing::{inventory, node, takes};
use flotilla_crds::labels;
use serde_json::json;
use std::sync::Arc;

#[test]
fn gpus_that_pods_were_given_just_now_are_not_given_again() {
    let scaling = json!({"maxReplicas": 9, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling, 3, Some(3))]).with_pods("llama", 1);
    // The second and third replica have their nodes, and the inventory has not heard of it.
    bench.world.inventory = Arc::new(inventory(&[node("a", "NVIDIA-L4", 23034, 3)], &[takes("a", 1)]));
    for index in 1..3 {
        let mut placed = pod("llama", index, false);
        placed["spec"]["nodeName"] = json!("a");
        let condition = json!({"type": "PodScheduled", "status": "True", "lastTransitionTime": bench.now});
        placed["status"]["conditions"].as_array_mut().unwrap().push(condition);
        bench.world.pods.push(Arc::new(serde_json::from_value(placed).unwrap()));
    }
    for _ in 0..4 {
        bench.second("llama", 8 * SECOND, 1);
        assert_eq!(bench.desired("llama"), 3, "{}", bench.reason("llama"));
    }
    bench.world.inventory = Arc::new(inventory(&[node("a", "NVIDIA-L4", 23034, 3)], &[takes("a", 3)]));
    for _ in 0..30 {
        bench.second("llama", 8 * SECOND, 1);
    }
    assert_eq!((bench.desired("llama"), bench.reason("llama").as_str()), (3, "NoFreeGPU"));
}

#[test]
fn replicas_on_several_cards_cost_what_each_of_these_does() {
    let scaling = json!({"maxReplicas": 3, "minReplicas": 3, "replicaCapacity": capacity()});
    let hourly = |pods: [(usize, &str); 3]| {
        let mut bench = Bench::new(vec![object("llama", scaling.clone(), 3, Some(3))]);
        let priced = |name: &str, product: &str, price: &str| {
            let node = node(name, product, 23034, 4);
            crate::decide::placement::testing::with(node, flotilla_crds::labels::GPU_HOURLY_PRICE, price)
        };
        let nodes = [priced("a", "NVIDIA-A10", "3.00"), priced("b", "NVIDIA-L4", "0.60")];
        bench.world.inventory = Arc::new(inventory(&nodes, &[]));
        for (index, node) in pods {
            let mut there = pod("llama", index, true);
            there["spec"]["nodeName"] = json!(node);
            bench.world.pods.push(Arc::new(serde_json::from_value(there).unwrap()));
        }
        for _ in 0..125 {
            bench.second("llama", 50, 1);
        }
        bench.board.status(bench.object("llama")).unwrap().economics.unwrap().hourly_cost
    };
    for pods in [[(0, "a"), (1, "b"), (2, "b")], [(0, "b"), (1, "b"), (2, "a")]] {
        assert_eq!(hourly(pods), "4.20", "{pods:?}");
    }
}

/// Reason and message of a model whose second replica has waited for a node since long, with these GPUs.
fn waiting(inventory: Inventory) -> (String, String) {
    let scaling = json!({"maxReplicas": 9, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling, 2, Some(2))]).with_pods("llama", 1);
    bench.world.pods.push(Arc::new(serde_json::from_value(pod("llama", 1, false)).unwrap()));
    bench.world.inventory = Arc::new(inventory);
    for _ in 0..90 {
        bench.second("llama", SECOND * 3 / 2, 1);
    }
    let status = bench.board.status(bench.object("llama")).unwrap();
    assert_eq!(status.desired, 2);
    (status.reason, status.message)
}

#[test]
fn where_the_number_is_right_and_a_replica_waits_for_a_node_that_is_said() {
    let large = || [node("a", "NVIDIA-L4", 23034, 2)];
    for (inventory, reason, why) in [
        (inventory(&large(), &[takes("a", 2)]), "NoFreeGPU", "no GPU that is large enough is free"),
        (inventory(&large(), &[takes("a", 1)]), "Unschedulable", "the condition ModelLoaded says why"),
        (
            inventory(&[node("a", "NVIDIA-T400-4GB", 2048, 2)], &[]),
            "NoFit",
            "no GPU of the cluster is large enough",
        ),
    ] {
        let (said, message) = waiting(inventory);
        assert_eq!(said, reason, "{message}");
        let expected = ["1.5 replicas busy", "1 of 2 replicas wait for a node", why];
        assert!(expected.iter().all(|piece| message.contains(piece)), "{message}");
    }
}

#[test]
fn what_a_schedule_keeps_and_waits_for_a_node_is_said_and_a_change_has_its_own_reason() {
    let scaling = |least: u32, scheduled: u32| {
        let always = json!({"name": "always", "timeZone": "UTC", "start": "00:00", "end": "23:59", "minReplicas": scheduled});
        json!({"minReplicas": least, "maxReplicas": 9, "replicaCapacity": capacity(), "schedules": [always]})
    };
    let mut bench = Bench::new(vec![object("llama", scaling(1, 2), 2, Some(2))]).with_pods("llama", 1);
    bench.world.pods.push(Arc::new(serde_json::from_value(pod("llama", 1, false)).unwrap()));
    bench.world.inventory = Arc::new(inventory(&[node("a", "NVIDIA-L4", 23034, 1)], &[takes("a", 1)]));
    for _ in 0..60 {
        bench.second("llama", 10, 1);
    }
    assert_eq!((bench.desired("llama"), bench.reason("llama").as_str()), (2, "NoFreeGPU"));
    bench.edit(object("llama", scaling(4, 2), 2, Some(2)));
    bench.second("llama", 10, 1);
    let status = bench.board.status(bench.object("llama")).unwrap();
    assert_eq!((status.desired, status.history[0].reason.as_str()), (4, "AtMinimum"), "{:?}", status.history);
}

#[test]
fn a_model_that_idles_with_its_only_replica_waiting_says_that_it_waits() {
    let scaling = json!({"maxReplicas": 1, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, Some(1))]);
    bench.world.inventory = Arc::new(inventory(&[node("a", "NVIDIA-L4", 23034, 1)], &[takes("a", 1)]));
    // Who has just come is given its node within seconds, if there is one.
    let mut young = pod("llama", 0, false);
    young["metadata"]["creationTimestamp"] = json!("2026-01-05T01:00:00Z");
    bench.world.pods.push(Arc::new(serde_json::from_value(young).unwrap()));
    bench.second("llama", 0, 0);
    assert_eq!(bench.reason("llama"), "WithinTarget");
    for _ in 0..60 {
        bench.second("llama", 0, 0);
    }
    assert_eq!((bench.desired("llama"), bench.reason("llama").as_str()), (1, "NoFreeGPU"));
}

/// As many pods that serve as there are GPUs, and a spec that asks for `replicas`.
fn full(mode: &str, replicas: usize) -> Bench {
    let scaling =
        json!({"mode": mode, "maxReplicas": 9, "stabilizationWindow": "30s", "replicaCapacity": capacity()});
    let count = i32::try_from(replicas).unwrap();
    let mut bench =
        Bench::new(vec![object("llama", scaling, count, Some(count))]).with_pods("llama", replicas);
    let gpus = u32::try_from(replicas).unwrap();
    let node = node("a", "NVIDIA-L4", 23034, gpus);
    bench.world.inventory = Arc::new(inventory(&[node], &[takes("a", gpus)]));
    bench
}

#[test]
fn a_replica_that_is_marked_to_go_stays_if_it_is_wanted_again_though_no_gpu_is_free() {
    let mut bench = full("Active", 2);
    for _ in 0..60 {
        bench.second("llama", 10, 1);
    }
    assert_eq!(bench.desired("llama"), 1);
    let mut marked = pod("llama", 1, true);
    marked["metadata"]["annotations"] = json!({labels::DRAINING_SINCE: bench.now});
    bench.world.pods[1] = Arc::new(serde_json::from_value(marked.clone()).unwrap());
    let mut gone = bench;
    for _ in 0..30 {
        gone.second("llama", 4 * SECOND, 1);
    }
    assert_eq!((gone.desired("llama"), gone.reason("llama").as_str()), (2, "NoFreeGPU"), "it counts once");

    let mut bench = full("Active", 2);
    for _ in 0..60 {
        bench.second("llama", 10, 1);
    }
    marked["metadata"]["deletionTimestamp"] = json!(bench.now);
    bench.world.pods[1] = Arc::new(serde_json::from_value(marked).unwrap());
    for _ in 0..30 {
        bench.second("llama", 4 * SECOND, 1);
    }
    assert_eq!((bench.desired("llama"), bench.reason("llama").as_str()), (1, "NoFreeGPU"), "it ends already");
}

#[test]
fn replicas_that_serve_can_be_advised_again_though_no_gpu_is_free() {
    let mut bench = full("Advisory", 3);
    for _ in 0..90 {
        bench.second("llama", 10, 1);
    }
    assert_eq!(bench.desired("llama"), 1);
    for _ in 0..70 {
        bench.second("llama", 2 * SECOND + SECOND / 5, 1);
    }
    assert_eq!((bench.desired("llama"), bench.reason("llama").as_str()), (3, "WithinTarget"));
    for _ in 0..70 {
        bench.second("llama", 8 * SECOND, 1);
    }
    assert_eq!(
        (bench.desired("llama"), bench.reason("llama").as_str()),
        (3, "NoFreeGPU"),
        "there are no more"
    );
}

/// The one pod of a model, which ends again and again.
fn ends(bench: &mut Bench) {
    let mut ends = pod("llama", 1, true);
    ends["status"] = json!({"containerStatuses": [{"name": "engine", "image": "i", "imageID": "", "ready": false,
        "restartCount": 4, "state": {"waiting": {"reason": "CrashLoopBackOff"}}}]});
    bench.world.pods = vec![Arc::new(serde_json::from_value(ends).unwrap())];
}

#[test]
fn where_every_replica_fails_that_is_said_and_no_more_of_them_come() {
    let scaling = json!({"maxReplicas": 9, "replicaCapacity": capacity()});
    let mut bench = Bench::new(vec![object("llama", scaling, 1, Some(1))]);
    ends(&mut bench);
    for _ in 0..30 {
        bench.second("llama", SECOND / 2, 1);
    }
    let status = bench.board.status(bench.object("llama")).unwrap();
    assert_eq!((status.desired, status.reason.as_str()), (1, "ReplicasFail"), "{}", status.message);
    assert!(status.message.contains("1 of 1 replicas do not start"), "{}", status.message);
}
