//! Several objects of one model.

use super::bench::{Bench, SECOND, object};
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::ScalingStatus;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::json;

/// An object whose replicas do as much as `units` ones.
fn variant(name: &str, units: u64, (least, desired): (u32, i32)) -> ModelDeployment {
    let capacity =
        json!({"promptTokensPerSecond": units * SECOND, "completionTokensPerSecond": units * SECOND});
    object(
        name,
        json!({"minReplicas": least, "maxReplicas": 9, "replicaCapacity": capacity}),
        1,
        Some(desired),
    )
}

fn status(bench: &Bench, name: &str) -> ScalingStatus {
    bench.board.status(bench.object(name)).unwrap()
}

#[test]
fn each_object_tells_its_own_changes_and_counts_replicas() {
    let objects = vec![variant("a-small", 1, (0, 0)), variant("b-big", 4, (1, 1))];
    let mut bench = Bench::new(objects).with_pods("b-big", 1);
    for _ in 0..80 {
        bench.second("b-big", 6 * SECOND, 1);
    }
    let (small, big) = (status(&bench, "a-small"), status(&bench, "b-big"));
    assert_eq!((small.desired, small.history), (0, Vec::new()), "nothing became of it");
    let changes: Vec<_> = big.history.iter().map(|change| (change.from, change.to)).collect();
    assert_eq!((big.desired, changes), (2, vec![(1, 2)]));
    let message = &big.history[0].message;
    assert!(message.contains("2 are wanted in all instead of 1"), "{message}");
    assert!(message.contains("replicas of the first object busy"), "{message}");
}

/// A replica of the first is several of the second.
#[test]
fn what_was_needed_in_replicas_of_an_object_that_is_gone_says_nothing_of_others() {
    let with = |name: &str, weights: &str, desired| {
        let mut object = object(name, json!({"minReplicas": 1, "maxReplicas": 9}), 1, Some(desired));
        let memory = object.status.as_mut().unwrap().memory.as_mut().unwrap();
        memory.weights = Some(Quantity(weights.to_owned()));
        object
    };
    let objects = vec![with("a-big", "480Mi", 1), with("b-small", "1920Mi", 6)];
    let mut bench = Bench::new(objects).with_pods("a-big", 1).with_pods("b-small", 6);
    for _ in 0..10 {
        bench.second("b-small", 1, 1);
    }
    let both = bench.figure("capacity_tokens_per_second").unwrap();
    // As much as they should have to do, and next to nothing.
    #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "thousands")]
    let (much, little) = ((0.7 * both).ceil() as u64, (0.01 * both) as u64);
    for _ in 0..310 {
        bench.second("b-small", much, 1);
    }
    for _ in 0..90 {
        bench.second("b-small", little, 1);
    }
    assert_eq!(bench.desired("b-small"), 6);
    bench.world.objects.remove(0);
    for second in 0..200 {
        bench.second("b-small", little, 1);
        assert_eq!(bench.desired("b-small"), 6, "after {second} s: all were needed within the window");
    }
    let alone = bench.figure("capacity_tokens_per_second").unwrap();
    assert!(both > 1.5 * alone, "{both} and {alone}: the first does as much as several of the second");
    for _ in 0..120 {
        bench.second("b-small", little, 1);
    }
    assert_eq!(bench.desired("b-small"), 5);
}
