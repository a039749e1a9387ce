//! Partitions of GPUs on nodes that have a resource for each profile (MIG strategy `mixed`).

use super::Usage;
use super::node::{GpuMemory, read_memory};
use flotilla_crds::labels;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// The partitions of one profile on one node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Partition {
    /// For example `1g.10gb`, as the resource's name has it.
    pub profile: String,
    /// Memory of one.
    pub memory: GpuMemory,
    /// How many pods may be given.
    pub count: u32,
    /// Of these, how many pods have.
    pub used: u32,
}

/// Reads what a node offers.
pub(super) fn partitions(
    node: &str,
    allocatable: &BTreeMap<String, Quantity>,
    node_labels: &BTreeMap<String, String>,
    usage: &Usage,
) -> Vec<Partition> {
    let read = |(resource, quantity): (&String, &Quantity)| {
        let profile = resource.strip_prefix(labels::MIG_RESOURCE)?;
        let count: u32 = quantity.0.parse().ok().filter(|count| *count > 0)?;
        Some(Partition {
            memory: read_memory(node_labels.get(&format!("{resource}.memory"))),
            used: usage.used(node, resource).min(count),
            profile: profile.to_owned(),
            count,
        })
    };
    allocatable.iter().filter_map(read).collect()
}
