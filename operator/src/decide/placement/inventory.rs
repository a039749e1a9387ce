//! The GPUs of the cluster, reduced to what placement needs.

use super::alike::Found;
use super::{Device, GpuNode, Usage};
use flotilla_crds::labels;
use k8s_openapi::api::core::v1::Node;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

/// All GPU nodes, sorted by name; cordoned ones are among them. Once made it does not change: what was found in it is
/// remembered.
#[derive(Debug, Default)]
pub struct Inventory {
    pub(super) nodes: Vec<GpuNode>,
    /// Whether claims for GPUs are answered: the API and the driver's `DeviceClass` are there.
    pub claims: bool,
    /// Whether that, and the devices, are yet to be learned.
    pub awaits_devices: bool,
    pub(super) found: Found,
    pub(super) prices: OnceLock<BTreeMap<String, Vec<String>>>,
    pub(super) profiles: OnceLock<Vec<String>>,
    pub(super) has_devices: OnceLock<bool>,
}

impl Clone for Inventory {
    fn clone(&self) -> Self {
        let Self { nodes, claims, awaits_devices, .. } = self;
        Self { nodes: nodes.clone(), claims: *claims, awaits_devices: *awaits_devices, ..Self::default() }
    }
}

impl PartialEq for Inventory {
    fn eq(&self, other: &Self) -> bool {
        (&self.nodes, self.claims, self.awaits_devices) == (&other.nodes, other.claims, other.awaits_devices)
    }
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
        Self { nodes, claims, ..Self::default() }
    }

    /// The same, of which it is said whether devices are yet to be learned.
    #[must_use]
    pub fn awaiting_devices(self, awaits_devices: bool) -> Self {
        Self { awaits_devices, ..self }
    }

    /// Whether claims share any device, which tells that the API server knows of shared devices.
    pub fn shares_devices(&self) -> bool {
        self.nodes.iter().flat_map(|node| &node.devices).any(|device| device.shareable)
    }

    /// Nodes that offer at least one GPU.
    pub fn nodes(&self) -> &[GpuNode] {
        &self.nodes
    }

    /// The node of that name.
    pub fn node(&self, name: &str) -> Option<&GpuNode> {
        let place = self.nodes.binary_search_by(|node| node.name.as_str().cmp(name)).ok()?;
        self.nodes.get(place)
    }

    /// The profiles of all partitions that have a resource of their own, sorted.
    pub(super) fn profiles(&self) -> &[String] {
        self.profiles.get_or_init(|| {
            let partitions = self.nodes.iter().flat_map(|node| &node.partitions);
            let profiles: BTreeSet<_> = partitions.map(|partition| partition.profile.clone()).collect();
            profiles.into_iter().collect()
        })
    }

    /// Whether a DRA driver publishes any GPU.
    pub(super) fn has_devices(&self) -> bool {
        *self.has_devices.get_or_init(|| self.nodes.iter().any(|node| !node.devices.is_empty()))
    }

    /// What the labels of nodes with this product say that one GPU costs in an hour; each text once, in their order.
    pub fn price_labels(&self, product: &str) -> &[String] {
        let prices = self.prices.get_or_init(|| {
            let mut prices: BTreeMap<String, Vec<String>> = BTreeMap::new();
            for node in &self.nodes {
                if let Some(text) = node.labels.get(labels::GPU_HOURLY_PRICE) {
                    let devices = node.devices.iter().map(|device| &device.product);
                    for product in std::iter::once(&node.product).chain(devices) {
                        let texts = prices.entry(product.clone()).or_default();
                        if !texts.contains(text) {
                            texts.push(text.clone());
                        }
                    }
                }
            }
            prices
        });
        prices.get(product).map(Vec::as_slice).unwrap_or_default()
    }
}
