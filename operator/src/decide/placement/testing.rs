//! Nodes as tests have them.

use super::{GpuNode, Inventory, PodGpus, Usage};
use flotilla_crds::labels;
use k8s_openapi::api::core::v1::{Node, NodeStatus};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
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

/// Pods that have so many GPUs of a node.
pub(crate) fn takes(node: &str, gpus: u32) -> PodGpus {
    let resources = BTreeMap::from([(labels::GPU_RESOURCE.to_owned(), gpus)]);
    PodGpus { node: node.to_owned(), resources }
}

/// These nodes, with these pods on them.
pub(crate) fn inventory(nodes: &[Node], pods: &[PodGpus]) -> Inventory {
    Inventory::from_nodes(nodes, &Usage::of(pods))
}

/// The node of that name.
pub(crate) fn named<'a>(inventory: &'a Inventory, name: &str) -> &'a GpuNode {
    inventory.nodes.iter().find(|node| node.name == name).unwrap()
}
