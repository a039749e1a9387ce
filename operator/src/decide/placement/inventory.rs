//! The GPUs of the cluster, reduced to what placement needs.

use super::{Device, GpuNode, Usage};
use k8s_openapi::api::core::v1::Node;
use std::collections::BTreeMap;

/// All GPU nodes, sorted by name; cordoned ones are among them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inventory {
    /// Nodes that offer at least one GPU.
    pub nodes: Vec<GpuNode>,
    /// Whether claims for GPUs are answered: the API and the driver's `DeviceClass` are there.
    pub claims: bool,
}

impl Inventory {
    /// Reads the nodes and what pods have of them.
    pub fn from_nodes<'a>(nodes: impl IntoIterator<Item = &'a Node>, usage: &Usage) -> Self {
        Self::new(nodes, usage, BTreeMap::new(), false)
    }

    /// Likewise, with the devices of each node. They count only where claims for them are answered.
    pub fn new<'a>(
        nodes: impl IntoIterator<Item = &'a Node>,
        usage: &Usage,
        mut devices: BTreeMap<String, Vec<Device>>,
        claims: bool,
    ) -> Self {
        let mut of = |node: &Node| {
            let name = node.metadata.name.as_ref().filter(|_| claims);
            name.and_then(|name| devices.remove(name)).unwrap_or_default()
        };
        let read = |node| GpuNode::of(node, usage, of(node));
        let mut nodes: Vec<_> = nodes.into_iter().filter_map(read).collect();
        nodes.sort_by(|a, b| a.name.cmp(&b.name));
        Self { nodes, claims }
    }

    /// Whether claims share any device, which tells that the API server knows of shared devices.
    pub fn shares_devices(&self) -> bool {
        self.nodes.iter().flat_map(|node| &node.devices).any(|device| device.shareable)
    }
}
