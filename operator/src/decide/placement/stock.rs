//! All GPUs of the cluster by product: free, in use or closed.

use super::taint::{Door, door};
use super::{GpuNode, Inventory};
use std::collections::BTreeMap;

/// Products that are counted apart; a cluster with more of them has the rest together.
const PRODUCTS: usize = 64;
/// Stands for the rest.
const OTHER: &str = "other";

/// GPUs, shares and partitions of one product.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Stock {
    /// That no pod and no claim has.
    pub free: u32,
    /// That one has.
    pub used: u32,
    /// Free ones of nodes that are cordoned or not ready.
    pub closed: u32,
}

/// Counts the GPUs of every product. A node whose GPUs are both counted by `nvidia.com/gpu` and published by a DRA driver
/// has them once.
pub fn stock(inventory: &Inventory) -> BTreeMap<String, Stock> {
    let mut all: BTreeMap<String, Stock> = BTreeMap::new();
    for node in &inventory.nodes {
        let closed = door(&node.taints, &[]) == Door::Closed;
        for (product, gpus, used) in kinds(node) {
            let known = all.len() < PRODUCTS || all.contains_key(&product);
            let stock = all.entry(if known { product } else { OTHER.to_owned() }).or_default();
            let free = gpus.saturating_sub(used);
            stock.used = stock.used.saturating_add(used);
            if closed {
                stock.closed = stock.closed.saturating_add(free);
            } else {
                stock.free = stock.free.saturating_add(free);
            }
        }
    }
    all
}

/// Product, GPUs and how many of them are in use.
fn kinds(node: &GpuNode) -> Vec<(String, u32, u32)> {
    let mut kinds = Vec::new();
    if node.gpus > 0 {
        kinds.push((node.product.clone(), node.gpus, node.used));
    }
    for partition in &node.partitions {
        kinds.push((format!("{}-MIG-{}", node.product, partition.profile), partition.count, partition.used));
    }
    if kinds.is_empty() {
        let devices = node.devices.iter();
        kinds.extend(devices.map(|device| (device.product.clone(), 1, u32::from(!device.is_free()))));
    }
    kinds
}

#[cfg(test)]
mod tests {
    use super::super::testing::{allocated, inventory, node, published, slice, takes};
    use super::*;

    #[test]
    fn every_gpu_is_counted_once() {
        let mut cordoned = node("c", "NVIDIA-A10", 23_028, 2);
        cordoned.spec.get_or_insert_default().unschedulable = Some(true);
        let nodes = [node("a", "NVIDIA-A10", 23_028, 4), cordoned];
        let stock = stock(&inventory(&nodes, &[takes("a", 1), takes("c", 1)]));
        assert_eq!(stock["NVIDIA-A10"], Stock { free: 3, used: 2, closed: 1 });
        let devices = published(&[slice("n", "NVIDIA A10", 23_028, 3, false)], &[allocated("n", 1, None)]);
        assert_eq!(super::stock(&devices)["NVIDIA-A10"], Stock { free: 2, used: 1, closed: 0 });
    }

    #[test]
    fn the_number_of_products_is_bounded() {
        let nodes: Vec<_> = (0..100).map(|n| node(&format!("n{n}"), &format!("P{n}"), 1, 1)).collect();
        let stock = stock(&inventory(&nodes, &[]));
        assert_eq!((stock.len(), stock[OTHER].free), (PRODUCTS + 1, 36));
    }
}
