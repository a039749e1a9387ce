//! One node with GPUs, by its labels.

use super::partition::{Partition, partitions};
use super::{Device, LARGEST_MIB_LABEL, Usage, usable_mib};
use flotilla_crds::labels;
use k8s_openapi::api::core::v1::{Node, Taint};
use std::collections::BTreeMap;

/// What a cordon adds to the taints of a node; the node controller does so too, a moment later.
const CORDON: &str = "node.kubernetes.io/unschedulable";
/// Appended by GPU feature discovery to the product of a GPU that pods share.
const SHARED: &str = "-SHARED";

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

/// Whether pods share the GPUs of a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sharing {
    /// Each GPU is one pod's.
    Exclusive,
    /// So many pods share each GPU; none if the labels do not tell how many.
    Shared(Option<u32>),
}

/// One node with GPUs.
#[derive(Debug, Clone, PartialEq)]
pub struct GpuNode {
    /// The node's name.
    pub name: String,
    /// The GPU's product name, or `unknown`.
    pub product: String,
    /// Memory of one GPU.
    pub memory: GpuMemory,
    /// What a program can have on one GPU that is its own, in MiB; none where the memory is not known.
    pub usable_mib: Option<u64>,
    /// GPUs, or shares of them, that pods may be given.
    pub gpus: u32,
    /// Of these, how many pods have.
    pub used: u32,
    /// Whether pods share the GPUs.
    pub sharing: Sharing,
    /// Whether its GPUs are partitioned, all alike.
    pub partitioned: bool,
    /// Partitions that have a resource of their own for each profile.
    pub partitions: Vec<Partition>,
    /// GPUs that a DRA driver publishes.
    pub devices: Vec<Device>,
    /// What keeps pods out; a cordon is among them.
    pub taints: Vec<Taint>,
    /// All labels of the node, for node selectors.
    pub labels: BTreeMap<String, String>,
}

impl GpuNode {
    /// Reads a node; none if it offers no GPU.
    pub fn of(node: &Node, usage: &Usage, devices: Vec<Device>) -> Option<Self> {
        let name = node.metadata.name.clone()?;
        let none = BTreeMap::new();
        let allocatable =
            node.status.as_ref().and_then(|status| status.allocatable.as_ref()).unwrap_or(&none);
        let gpus = allocatable.get(labels::GPU_RESOURCE).and_then(|gpus| gpus.0.parse().ok()).unwrap_or(0);
        let node_labels = node.metadata.labels.clone().unwrap_or_default();
        let partitions = partitions(&name, allocatable, &node_labels, usage);
        if gpus == 0 && partitions.is_empty() && devices.is_empty() {
            return None;
        }
        let memory = read_memory(node_labels.get(labels::GPU_MEMORY));
        let product = node_labels.get(labels::GPU_PRODUCT).cloned().unwrap_or_else(|| "unknown".to_owned());
        let usable_mib = match memory {
            GpuMemory::Mib(mib) => Some(usable_mib(&product, mib).unwrap_or(mib)),
            GpuMemory::Unknown | GpuMemory::LabelledInBytes => None,
        };
        Some(Self {
            used: usage.used(&name, labels::GPU_RESOURCE).min(gpus),
            sharing: sharing(&node_labels, &product),
            partitioned: node_labels.contains_key(labels::GPU_SLICES),
            partitions,
            devices,
            taints: taints(node),
            name,
            product,
            memory,
            usable_mib,
            gpus,
            labels: node_labels,
        })
    }
}

pub(super) fn read_memory(label: Option<&String>) -> GpuMemory {
    match label.map(|label| label.parse::<u64>()) {
        Some(Ok(mib)) if mib > LARGEST_MIB_LABEL => GpuMemory::LabelledInBytes,
        Some(Ok(mib)) if mib > 0 => GpuMemory::Mib(mib),
        _ => GpuMemory::Unknown,
    }
}

fn sharing(labels: &BTreeMap<String, String>, product: &str) -> Sharing {
    let sharers = labels.get(labels::GPU_REPLICAS).and_then(|label| label.parse::<u32>().ok());
    let said = matches!(labels.get(labels::GPU_SHARING).map(String::as_str), Some("time-slicing" | "mps"));
    match sharers {
        Some(sharers) if sharers > 1 => Sharing::Shared(Some(sharers)),
        _ if said || product.ends_with(SHARED) => Sharing::Shared(None),
        _ => Sharing::Exclusive,
    }
}

fn taints(node: &Node) -> Vec<Taint> {
    let Some(spec) = &node.spec else {
        return Vec::new();
    };
    let mut taints = spec.taints.clone().unwrap_or_default();
    if spec.unschedulable == Some(true) && !taints.iter().any(|taint| taint.key == CORDON) {
        let effect = "NoSchedule".to_owned();
        taints.push(Taint { key: CORDON.to_owned(), effect, ..Taint::default() });
    }
    taints
}

#[cfg(test)]
mod tests {
    use super::super::testing::{labelled, node};
    use super::*;

    fn read(node: &Node) -> GpuNode {
        GpuNode::of(node, &Usage::default(), Vec::new()).unwrap()
    }

    #[test]
    fn labels_are_read_as_mib_and_never_guessed() {
        for (label, memory) in [
            (Some("24564"), GpuMemory::Mib(24_564)),
            (Some("25757220864"), GpuMemory::LabelledInBytes),
            (Some("lots"), GpuMemory::Unknown),
            (Some("0"), GpuMemory::Unknown),
            (None, GpuMemory::Unknown),
        ] {
            let labels: Vec<_> = label.map(|label| (labels::GPU_MEMORY, label)).into_iter().collect();
            let read = read(&labelled("n", &labels, 1));
            assert_eq!(read.memory, memory, "{label:?}");
            assert_eq!(read.usable_mib.is_some(), matches!(memory, GpuMemory::Mib(_)));
        }
    }

    #[test]
    fn nodes_without_gpus_do_not_count_and_a_cordon_is_a_taint() {
        assert_eq!(GpuNode::of(&labelled("n", &[], 0), &Usage::default(), Vec::new()), None);
        let mut cordoned = node("n", "NVIDIA-A10", 23_028, 1);
        cordoned.spec.get_or_insert_default().unschedulable = Some(true);
        assert_eq!(read(&cordoned).taints[0].key, CORDON);
    }

    #[test]
    fn every_way_that_shared_gpus_are_labelled_is_known() {
        for (labels, sharing) in [
            (vec![], Sharing::Exclusive),
            (vec![(labels::GPU_REPLICAS, "1"), (labels::GPU_SHARING, "none")], Sharing::Exclusive),
            (vec![(labels::GPU_REPLICAS, "4")], Sharing::Shared(Some(4))),
            (vec![(labels::GPU_SHARING, "mps")], Sharing::Shared(None)),
            (
                vec![(labels::GPU_REPLICAS, "2"), (labels::GPU_SHARING, "time-slicing")],
                Sharing::Shared(Some(2)),
            ),
            (vec![(labels::GPU_PRODUCT, "Tesla-T4-SHARED")], Sharing::Shared(None)),
        ] {
            assert_eq!(read(&labelled("n", &labels, 1)).sharing, sharing, "{labels:?}");
        }
    }

    #[test]
    fn never_more_is_used_than_there_is() {
        let pods = [super::super::PodGpus {
            node: "n".to_owned(),
            resources: BTreeMap::from([(labels::GPU_RESOURCE.to_owned(), 3)]),
        }];
        let node = GpuNode::of(&node("n", "NVIDIA-A10", 23_028, 2), &Usage::of(&pods), Vec::new()).unwrap();
        assert_eq!((node.used, node.gpus), (2, 2));
    }
}
