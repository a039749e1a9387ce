//! Nodes as tests have them.

use super::{Allocated, Allocations, DRIVER, GpuNode, Inventory, PodGpus, Usage, devices};
use flotilla_crds::labels;
use k8s_openapi::api::core::v1::{Node, NodeStatus};
use k8s_openapi::api::resource::v1::ResourceSlice;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use serde_json::json;
use std::collections::BTreeMap;

/// A node with these labels that offers so many GPUs.
pub(crate) fn labelled(name: &str, labels: &[(&str, &str)], gpus: u32) -> Node {
    let mut node = Node::default();
    node.metadata.name = Some(name.to_owned());
    node.metadata.labels =
        Some(labels.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect());
    let allocatable = BTreeMap::from([(labels::GPU_RESOURCE.to_owned(), Quantity(gpus.to_string()))]);
    node.status = Some(NodeStatus { allocatable: Some(allocatable), ..NodeStatus::default() });
    node
}

/// A node as GPU feature discovery labels it.
pub(crate) fn node(name: &str, product: &str, memory_mib: u64, gpus: u32) -> Node {
    let memory = memory_mib.to_string();
    labelled(name, &[(labels::GPU_PRODUCT, product), (labels::GPU_MEMORY, &memory)], gpus)
}

/// Adds a label.
pub(crate) fn with(mut node: Node, key: &str, value: &str) -> Node {
    node.metadata.labels.get_or_insert_default().insert(key.to_owned(), value.to_owned());
    node
}

/// A node with partitions of an A100: of each profile its memory in MiB and how many.
pub(crate) fn mixed(name: &str, profiles: &[(&str, u64, u32)]) -> Node {
    let mut node = labelled(name, &[(labels::GPU_PRODUCT, "NVIDIA-A100-SXM4-80GB")], 0);
    for (profile, memory_mib, count) in profiles {
        let resource = format!("{}{profile}", labels::MIG_RESOURCE);
        node = with(node, &format!("{resource}.memory"), &memory_mib.to_string());
        let allocatable = node.status.as_mut().unwrap().allocatable.as_mut().unwrap();
        allocatable.insert(resource, Quantity(count.to_string()));
    }
    node
}

/// Pods that have so many GPUs of a node.
pub(crate) fn takes(node: &str, gpus: u32) -> PodGpus {
    let resources = BTreeMap::from([(labels::GPU_RESOURCE.to_owned(), gpus)]);
    PodGpus { node: node.to_owned(), resources }
}

/// These nodes, with these pods on them.
pub(crate) fn inventory(nodes: &[Node], pods: &[PodGpus]) -> Inventory {
    Inventory::from_nodes(nodes, &Usage::of(pods))
}

/// What a DRA driver publishes of a node.
pub(crate) fn slice(node: &str, product: &str, memory_mib: u64, gpus: u32, shareable: bool) -> ResourceSlice {
    let device = |index: u32| {
        let mut device = json!({
            "name": format!("gpu-{index}"),
            "attributes": {"type": {"string": "gpu"}, "productName": {"string": product}},
            "capacity": {"memory": {"value": format!("{memory_mib}Mi")}},
        });
        if shareable {
            device["allowMultipleAllocations"] = json!(true);
        }
        device
    };
    let pool = json!({"name": node, "generation": 1, "resourceSliceCount": 1});
    let devices: Vec<_> = (0..gpus).map(device).collect();
    let spec = json!({"driver": DRIVER, "nodeName": node, "pool": pool, "devices": devices});
    serde_json::from_value(json!({"metadata": {"name": node}, "spec": spec})).unwrap()
}

/// A claim's part of a device of [`slice`]: all of it, or so many MiB.
pub(crate) fn allocated(node: &str, index: u32, share_mib: Option<u64>) -> Allocated {
    let mut result =
        json!({"driver": DRIVER, "pool": node, "device": format!("gpu-{index}"), "request": "gpu"});
    if let Some(mib) = share_mib {
        result["consumedCapacity"] = json!({"memory": format!("{mib}Mi")});
    }
    Allocated::of(&serde_json::from_value(result).unwrap()).unwrap()
}

/// Nodes that have nothing but what a DRA driver publishes, with these parts of it taken.
pub(crate) fn published(slices: &[ResourceSlice], taken: &[Allocated]) -> Inventory {
    let nodes: Vec<_> =
        slices.iter().map(|slice| labelled(slice.spec.node_name.as_ref().unwrap(), &[], 0)).collect();
    Inventory::new(&nodes, &Usage::default(), devices(slices, &Allocations::of(taken)), true)
}

/// The node of that name.
pub(crate) fn named<'a>(inventory: &'a Inventory, name: &str) -> &'a GpuNode {
    inventory.nodes.iter().find(|node| node.name == name).unwrap()
}
