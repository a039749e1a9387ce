//! The GPU nodes of the cluster, reduced to what placement needs.

use super::{GpuNode, Usage};
use k8s_openapi::api::core::v1::Node;

/// All GPU nodes, sorted by name; cordoned ones are among them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory {
    /// Nodes that offer at least one GPU.
    pub nodes: Vec<GpuNode>,
}

impl Inventory {
    /// Reads the nodes and what pods have of them.
    pub fn from_nodes<'a>(nodes: impl IntoIterator<Item = &'a Node>, usage: &Usage) -> Self {
        let mut nodes: Vec<_> = nodes.into_iter().filter_map(|node| GpuNode::of(node, usage)).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        Self { nodes }
    }
}
