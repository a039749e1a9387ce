//! The GPU nodes of the cluster, reduced to what placement needs.

use super::LARGEST_MIB_LABEL;
use flotilla_crds::labels;
use k8s_openapi::api::core::v1::Node;
use std::collections::BTreeMap;

/// Memory of one GPU of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GpuMemory {
    /// As the label says, in MiB.
    Mib(u64),
    /// No label, or one that cannot be read: unknown is not zero.
    Unknown,
    /// A label in bytes. Node affinity compares numbers only, so such a node cannot be chosen safely.
    LabelledInBytes,
}

/// One node with GPUs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GpuNode {
    /// The node's name.
    pub name: String,
    /// The GPU's product name, or `unknown`.
    pub product: String,
    /// Memory of one GPU.
    pub memory: GpuMemory,
    /// GPUs that pods may be given.
    pub gpus: u32,
    /// All labels of the node, for node selectors.
    pub labels: BTreeMap<String, String>,
}

/// All GPU nodes, sorted by name.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Inventory {
    /// Nodes that offer at least one GPU and take new pods.
    pub nodes: Vec<GpuNode>,
}

impl Inventory {
    /// Reads the nodes. Cordoned nodes and nodes without GPUs are left out.
    pub fn from_nodes<'a>(nodes: impl IntoIterator<Item = &'a Node>) -> Self {
        let mut nodes: Vec<_> = nodes.into_iter().filter_map(gpu_node).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        Self { nodes }
    }
}

fn gpu_node(node: &Node) -> Option<GpuNode> {
    if node.spec.as_ref().and_then(|spec| spec.unschedulable).unwrap_or(false) {
        return None;
    }
    let allocatable = node.status.as_ref()?.allocatable.as_ref()?;
    let gpus: u32 = allocatable.get(labels::GPU_RESOURCE)?.0.parse().ok().filter(|gpus| *gpus > 0)?;
    let node_labels = node.metadata.labels.clone().unwrap_or_default();
    let memory = match node_labels.get(labels::GPU_MEMORY).map(|label| label.parse::<u64>()) {
        Some(Ok(mib)) if mib > LARGEST_MIB_LABEL => GpuMemory::LabelledInBytes,
        Some(Ok(mib)) if mib > 0 => GpuMemory::Mib(mib),
        _ => GpuMemory::Unknown,
    };
    let product = node_labels.get(labels::GPU_PRODUCT).cloned().unwrap_or_else(|| "unknown".to_owned());
    Some(GpuNode { name: node.metadata.name.clone()?, product, memory, gpus, labels: node_labels })
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::{NodeSpec, NodeStatus};
    use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

    fn node(name: &str, memory: Option<&str>, gpus: &str, cordoned: bool) -> Node {
        let mut node = Node::default();
        node.metadata.name = Some(name.to_owned());
        node.metadata.labels =
            memory.map(|memory| BTreeMap::from([(labels::GPU_MEMORY.to_owned(), memory.to_owned())]));
        node.spec = Some(NodeSpec { unschedulable: Some(cordoned), ..NodeSpec::default() });
        node.status = Some(NodeStatus {
            allocatable: Some(BTreeMap::from([(labels::GPU_RESOURCE.to_owned(), Quantity(gpus.to_owned()))])),
            ..NodeStatus::default()
        });
        node
    }

    #[test]
    fn labels_are_read_as_mib_and_never_guessed() {
        let nodes = [
            node("d-none", None, "1", false),
            node("a-mib", Some("24564"), "2", false),
            node("b-bytes", Some("25757220864"), "1", false),
            node("c-text", Some("lots"), "1", false),
        ];
        let found: Vec<_> = Inventory::from_nodes(&nodes).nodes.iter().map(|n| n.memory).collect();
        assert_eq!(
            found,
            [GpuMemory::Mib(24564), GpuMemory::LabelledInBytes, GpuMemory::Unknown, GpuMemory::Unknown]
        );
    }

    #[test]
    fn nodes_that_take_no_gpu_pod_do_not_count() {
        let nodes = [node("cordoned", Some("24564"), "2", true), node("empty", Some("24564"), "0", false)];
        assert_eq!(Inventory::from_nodes(&nodes), Inventory::default());
    }
}
