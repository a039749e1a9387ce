//! Thousands of replicas on a thousand simulated nodes of twelve kinds of GPU: the real scheduler puts each on a card
//! that is large enough. Run by `make scale`, not by `make test`: it keeps two cores busy for several minutes.

#![allow(clippy::unwrap_used, reason = "a failed unwrap in a test is a failed test")]

#[path = "scale/cards.rs"]
mod cards;
#[path = "scale/crowd.rs"]
mod crowd;
#[path = "scale/rest.rs"]
mod rest;

use cards::{KINDS, kind_of};
use crowd::{Crowd, MODELS, NODES};
use flotilla_e2e::harness::{Cluster, TestNamespace, install};
use std::collections::BTreeMap;
use std::time::Instant;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "minutes of two busy cores; make scale runs it"]
async fn every_one_of_two_thousand_models_lands_on_a_card_that_fits() {
    let cluster = Cluster::connect().await.unwrap();
    install(&cluster).await.unwrap();
    let namespace = TestNamespace::create(cluster.client.clone(), "scale").await.unwrap();
    let crowd = Crowd::new(&cluster, &namespace).unwrap();
    let outcome = crowd.gather().await;
    let rest = rest::measure(&cluster.client).await;
    crowd.disperse().await.unwrap();
    check(&outcome.unwrap());
    rest.unwrap();
}

/// What became of the models: the need of each in MiB and the node of its pod.
struct Outcome {
    placed: Vec<(u64, String)>,
    start: Instant,
    settled: Instant,
}

fn check(outcome: &Outcome) {
    assert_eq!(outcome.placed.len(), MODELS);
    let (mut on_node, mut of_kind) = (BTreeMap::<&str, u32>::new(), BTreeMap::<&str, (u32, u64)>::new());
    let mut tightest = 0;
    for (need, node) in &outcome.placed {
        let kind = kind_of(node);
        assert!(
            kind.memory_mib >= *need,
            "{need} MiB on {node}, a {} of {} MiB",
            kind.product,
            kind.memory_mib
        );
        *on_node.entry(node).or_default() += 1;
        let entry = of_kind.entry(kind.product).or_default();
        *entry = (entry.0 + 1, entry.1.max(*need));
        let least = KINDS.iter().map(|kind| kind.memory_mib).filter(|memory| memory >= need).min();
        tightest += u32::from(least.is_some_and(|least| kind.memory_mib * 100 <= least * 115));
    }
    for (node, pods) in on_node {
        assert!(pods <= kind_of(node).count, "{pods} pods on {node}");
    }
    println!("| card | MiB | models | largest need |\n|---|---|---|---|");
    for kind in KINDS {
        let (models, need) = of_kind.get(kind.product).copied().unwrap_or_default();
        println!("| {} | {} | {models} | {need} |", kind.product, kind.memory_mib);
    }
    let took = outcome.settled - outcome.start;
    println!(
        "{MODELS} models on {NODES} nodes in {:.0} s; {tightest} on the tightest class",
        took.as_secs_f32()
    );
    assert!(u64::from(tightest) * 100 >= MODELS as u64 * 90, "{tightest} are on the tightest class");
}
