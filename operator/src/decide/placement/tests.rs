//! Which nodes fit what, in tables and for random pools.

use super::testing::{inventory, labelled, named, node, takes, with};
use super::*;
use flotilla_crds::labels;
use flotilla_crds::model_deployment::{PlacementSpec, Toleration};
use k8s_openapi::api::core::v1::{Node, Taint};
use proptest::prelude::*;

fn placement(spec: serde_json::Value) -> PlacementSpec {
    serde_json::from_value(spec).unwrap()
}

fn fits(nodes: &[Node], pods: &[PodGpus], spec: serde_json::Value, required_mib: u64) -> Fits {
    let placement = placement(spec);
    find_fits(&inventory(nodes, pods), &Ask::of(Some(&placement), required_mib), &Mode::NodeLabels)
}

fn plain(nodes: &[Node], required_mib: u64) -> Fits {
    fits(nodes, &[], serde_json::json!({}), required_mib)
}

fn pool() -> Vec<Node> {
    vec![
        with(node("a", "RTX-4090", 24_564, 2), "zone", "z1"),
        with(node("b", "RTX-3060", 12_288, 1), "zone", "z1"),
        with(node("c", "RTX-4090", 24_564, 2), "zone", "z2"),
        labelled("d", &[("zone", "z1")], 8),
    ]
}

#[test]
fn all_nodes_count_and_the_smallest_product_comes_first() {
    let fits = fits(&pool(), &[takes("a", 2), takes("c", 1)], serde_json::json!({}), 10_000);
    let found: Vec<_> = fits.products.iter().map(|p| (p.product.as_str(), p.nodes, p.gpus, p.free)).collect();
    assert_eq!(found, [("RTX-3060", 1, 1, 1), ("RTX-4090", 2, 4, 1)]);
    assert_eq!(fits.to_string(), "RTX-3060 (1 of 1 free), RTX-4090 (1 of 4 free)");
    assert_eq!(fits.omissions(), "nodes passed over: 1 without a readable nvidia.com/gpu.memory label");
}

#[test]
fn a_card_of_exactly_the_need_fits_and_one_mib_less_does_not() {
    assert!(plain(&pool(), 24_564).any());
    let fits = plain(&pool(), 24_565);
    assert!(!fits.any());
    assert_eq!(fits.to_string(), "NoFit: needs 24565 MiB, largest is RTX-4090 with 24564 MiB");
}

#[test]
fn the_memory_that_the_driver_keeps_of_a_known_card_does_not_count() {
    let known = [node("a", "NVIDIA-GeForce-RTX-4090", 24_564, 1)];
    assert!(plain(&known, 24_080).any());
    assert_eq!(
        plain(&known, 24_081).to_string(),
        "NoFit: needs 24081 MiB, largest is NVIDIA-GeForce-RTX-4090 with 24564 MiB, 24080 of them usable"
    );
}

#[test]
fn one_product_is_one_row_whatever_its_drivers_report() {
    let nodes = [node("a", "NVIDIA-A10", 23_028, 1), node("b", "NVIDIA-A10", 22_731, 1)];
    let fits = plain(&nodes, 10_000);
    assert_eq!(fits.products.len(), 1, "the status keys its list by product");
    assert_eq!((fits.products[0].memory_mib, fits.products[0].gpus), (22_731, 2));
}

#[test]
fn what_keeps_a_node_out_is_said_if_its_card_would_do() {
    let taint = |key: &str, mut node: Node| {
        let taint = Taint { key: key.to_owned(), effect: "NoSchedule".to_owned(), ..Taint::default() };
        node.spec.get_or_insert_default().taints = Some(vec![taint]);
        node
    };
    let card = || node("n", "RTX-4090", 24_564, 2);
    let no = serde_json::json!({});
    for (node, spec, says) in [
        (card(), serde_json::json!({"nodeSelector": {"zone": "z9"}}), "nodeSelector leaves out"),
        (card(), serde_json::json!({"gpuProducts": ["RTX-3090"]}), "gpuProducts leaves out"),
        (card(), serde_json::json!({"gpusPerReplica": 3}), "fewer GPUs than"),
        (card(), serde_json::json!({"sharing": "Shared"}), "without shared GPUs"),
        (with(card(), labels::GPU_REPLICAS, "2"), no.clone(), "whose GPUs pods share"),
        (
            with(card(), labels::GPU_SHARING, "mps"),
            serde_json::json!({"sharing": "Shared"}),
            "absent or above 16",
        ),
        (with(card(), labels::GPU_MEMORY, "25757220864"), no.clone(), "in bytes"),
        (with(card(), labels::GPU_SLICES, "1"), no.clone(), "partitioned"),
        (taint("team", card()), no.clone(), "the taint team:NoSchedule"),
    ] {
        let found = fits(std::slice::from_ref(&node), &[], spec.clone(), 20_000);
        assert!(!found.any() && found.omissions().contains(says), "{spec}: {:?}", found.omissions());
        let small = fits(&[node], &[], spec.clone(), 30_000);
        assert!(small.omissions().is_empty() || says.contains("bytes"), "{spec}: {}", small.omissions());
    }
}

#[test]
fn of_a_shared_card_a_replica_counts_on_its_part_alone() {
    let shared = with(node("n", "Tesla-T4-SHARED", 15_360, 4), labels::GPU_REPLICAS, "4");
    let asks = |need| {
        fits(std::slice::from_ref(&shared), &[takes("n", 1)], serde_json::json!({"sharing": "Shared"}), need)
    };
    // 14912 MiB are usable of a T4.
    assert_eq!((asks(3_728).any(), asks(3_729).any()), (true, false));
    assert_eq!((asks(3_000).room, asks(3_000).products[0].free), (3, 3));
}

#[test]
fn products_are_named_without_what_is_appended_for_shares() {
    let spec = serde_json::json!({"sharing": "Shared", "gpuProducts": ["Tesla-T4"]});
    let shared = with(node("n", "Tesla-T4-SHARED", 15_360, 4), labels::GPU_REPLICAS, "2");
    assert!(fits(&[shared], &[], spec, 3_000).any());
}

#[test]
fn no_fit_no_free_gpu_and_no_gpu_nodes_are_told_apart() {
    let one = [node("n", "RTX-4090", 24_564, 2)];
    let busy = [takes("n", 2)];
    let mut cordoned = one.clone();
    cordoned[0].spec.get_or_insert_default().unschedulable = Some(true);
    for (nodes, pods, need, waiting, expected) in [
        (&one[..], &[][..], 20_000, 1, Placeable::Fits),
        (&one, &busy, 20_000, 1, Placeable::NoFreeGpu),
        (&one, &busy, 20_000, 0, Placeable::Fits),
        (&one, &busy, 30_000, 1, Placeable::NoFit),
        (&cordoned, &[], 20_000, 1, Placeable::NoFreeGpu),
        (&cordoned, &[], 30_000, 1, Placeable::NoFit),
        (&[], &[], 1, 1, Placeable::NoGpuNodes),
    ] {
        let found = fits(nodes, pods, serde_json::json!({}), need);
        assert_eq!(judge(&found, waiting), expected, "{need} with {waiting} waiting: {found:?}");
    }
    let found = fits(&one, &busy, serde_json::json!({}), 20_000);
    assert_eq!(found.in_use(), "RTX-4090 (2 of 2 in use)");
}

#[test]
fn several_gpus_have_to_be_free_on_one_node() {
    let nodes = [node("a", "RTX-4090", 24_564, 2), node("b", "RTX-4090", 24_564, 2)];
    let spec = serde_json::json!({"gpusPerReplica": 2});
    let split = fits(&nodes, &[takes("a", 1), takes("b", 1)], spec.clone(), 20_000);
    assert_eq!((split.room, split.products[0].free), (0, 2));
    assert_eq!(judge(&split, 1), Placeable::NoFreeGpu);
    assert_eq!(fits(&nodes, &[takes("a", 1)], spec, 20_000).room, 1);
}

#[test]
fn a_tolerated_taint_keeps_nobody_out() {
    let mut tainted = node("n", "RTX-4090", 24_564, 1);
    let taint = Taint { key: "team".to_owned(), effect: "NoSchedule".to_owned(), ..Taint::default() };
    tainted.spec.get_or_insert_default().taints = Some(vec![taint]);
    let tolerations = vec![Toleration {
        key: Some("team".to_owned()),
        operator: Some("Exists".to_owned()),
        value: None,
        effect: None,
    }];
    let spec = PlacementSpec { tolerations, ..PlacementSpec::default() };
    assert!(find_fits(&inventory(&[tainted], &[]), &Ask::of(Some(&spec), 20_000), &Mode::NodeLabels).any());
}

fn any_node() -> impl Strategy<Value = (usize, u32, u32, Option<u32>, bool)> {
    let sharers = prop_oneof![3 => Just(None), 1 => (2_u32..20).prop_map(Some)];
    (0..gpus().len(), 1_u32..9, 0_u32..9, sharers, prop::bool::weighted(0.1))
}

proptest! {
    #[test]
    fn never_a_card_that_does_not_fit_and_the_smallest_first(
        pool in prop::collection::vec(any_node(), 0..20), need in 1_u64..200_000, gpus_per in 1_u32..5, shared: bool,
    ) {
        let mut nodes = Vec::new();
        let mut pods = Vec::new();
        for (index, (card, count, used, sharers, cordoned)) in pool.iter().enumerate() {
            let Some(gpu) = gpus().get(*card).filter(|gpu| gpu.product.is_some()) else { continue };
            let name = format!("n{index}");
            let mut node = node(&name, gpu.product.unwrap(), gpu.memory_mib, *count);
            if let Some(sharers) = sharers {
                node = with(node, labels::GPU_REPLICAS, &sharers.to_string());
            }
            node.spec.get_or_insert_default().unschedulable = Some(*cordoned);
            nodes.push(node);
            pods.push(takes(&name, *used));
        }
        let gpus_per = if shared { 1 } else { gpus_per };
        let spec = serde_json::json!({"sharing": if shared { "Shared" } else { "Exclusive" }, "gpusPerReplica": gpus_per});
        let placement = placement(spec);
        let inventory = inventory(&nodes, &pods);
        let fits = find_fits(&inventory, &Ask::of(Some(&placement), need), &Mode::NodeLabels);
        prop_assert!(fits.products.is_sorted_by_key(|fit| fit.memory_mib));
        for fit in &fits.products {
            let least = gpus().iter().filter(|gpu| gpu.product == Some(&fit.product)).map(Gpu::usable_mib).max();
            prop_assert!(least.unwrap() >= need, "{fit:?}");
            prop_assert!(fit.free <= fit.gpus);
        }
        // By hand: how many replicas the free GPUs of each node take.
        let room: u32 = nodes.iter().map(|node| {
            let node = named(&inventory, node.metadata.name.as_deref().unwrap());
            let parts = match node.sharing { Sharing::Shared(Some(n)) => n, _ => 1 };
            let open = node.taints.is_empty() && (parts > 1) == shared && parts <= 16;
            let large = node.usable_mib.unwrap() / u64::from(parts) >= need;
            if open && large && node.gpus >= gpus_per { (node.gpus - node.used) / gpus_per } else { 0 }
        }).sum();
        prop_assert_eq!(fits.room, room);
    }
}
