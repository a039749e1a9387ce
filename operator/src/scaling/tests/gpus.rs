//! What GPUs there are for replicas, and on which they are.

use super::bench::{Bench, SECOND, capacity, object, pod};
use crate::decide::placement::testing::{inventory, node, takes};
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
