//! The nodes and the cards that they claim to have.

use std::net::Ipv4Addr;

use super::network;

/// What GPU Feature Discovery would say about a node's cards.
#[derive(Debug, Clone, Copy)]
pub struct Gpu {
    /// `nvidia.com/gpu.product`.
    pub product: &'static str,
    /// `nvidia.com/gpu.memory`: MiB of one card.
    pub memory_mib: u32,
    /// `nvidia.com/gpu.count` and the number of `nvidia.com/gpu` that the node offers at first.
    pub count: u32,
    /// `nvidia.com/gpu.family`.
    pub family: &'static str,
    /// `nvidia.com/gpu.compute.major` and `.minor`.
    pub compute: (u32, u32),
    /// The partitions that its cards are cut into; none are left whole if there are any.
    pub partitions: &'static [Partition],
}

/// Partitions of one profile, as GPU Feature Discovery labels them under the MIG strategy `mixed`.
#[derive(Debug, Clone, Copy)]
pub struct Partition {
    /// `1g.10gb`, for example: `nvidia.com/mig-1g.10gb` counts them.
    pub profile: &'static str,
    /// MiB of one.
    pub memory_mib: u32,
    /// Compute and memory slices of one.
    pub slices: (u32, u32),
    /// How many.
    pub count: u32,
}

/// A node: one network namespace with a containerd, a kubelet and a kube-proxy.
#[derive(Debug, Clone, Copy)]
pub struct Node {
    /// Name of the Kubernetes node.
    pub name: &'static str,
    /// Number from 1 that its addresses are made of.
    pub index: u8,
    /// Its cards.
    pub gpu: Gpu,
}

/// The nodes that are there from the start: the cards of the sizing table, with the memory that their drivers report.
pub const NODES: &[Node] = &[
    Node {
        name: "gpu-3060",
        index: 1,
        gpu: Gpu {
            product: "NVIDIA-GeForce-RTX-3060",
            memory_mib: 12_288,
            count: 1,
            family: "ampere",
            compute: (8, 6),
            partitions: &[],
        },
    },
    Node {
        name: "gpu-4060ti",
        index: 2,
        gpu: Gpu {
            product: "NVIDIA-GeForce-RTX-4060-Ti",
            memory_mib: 16_380,
            count: 1,
            family: "ada-lovelace",
            compute: (8, 9),
            partitions: &[],
        },
    },
    Node {
        name: "gpu-4090",
        index: 3,
        gpu: Gpu {
            product: "NVIDIA-GeForce-RTX-4090",
            memory_mib: 24_564,
            count: 2,
            family: "ada-lovelace",
            compute: (8, 9),
            partitions: &[],
        },
    },
];

/// Nodes that join when a test says so, and leave.
pub const SPARES: &[Node] = &[
    Node {
        name: "gpu-a6000",
        index: 4,
        gpu: Gpu {
            product: "NVIDIA-RTX-A6000",
            memory_mib: 49_140,
            count: 1,
            family: "ampere",
            compute: (8, 6),
            partitions: &[],
        },
    },
    Node {
        name: "gpu-a100",
        index: 5,
        gpu: Gpu {
            product: "NVIDIA-A100-SXM4-80GB",
            memory_mib: 81_920,
            count: 1,
            family: "ampere",
            compute: (8, 0),
            // Memory as NVIDIA's MIG user guide has it: 9.50, 19.50 and 39.25 GiB.
            partitions: &[
                Partition { profile: "1g.10gb", memory_mib: 9728, slices: (1, 1), count: 2 },
                Partition { profile: "2g.20gb", memory_mib: 19_968, slices: (2, 2), count: 1 },
                Partition { profile: "3g.40gb", memory_mib: 40_192, slices: (3, 4), count: 1 },
            ],
        },
    },
];

/// All nodes, those of the start and those that may join.
pub(super) fn all() -> impl Iterator<Item = &'static Node> {
    NODES.iter().chain(SPARES)
}

impl Node {
    /// Address on the bridge.
    pub fn address(&self) -> Ipv4Addr {
        network::node_address(self.index)
    }

    /// Its network namespace.
    pub fn namespace(&self) -> String {
        format!("flotilla-{}", self.name)
    }

    /// Labels for `kubelet --node-labels`, as GPU Feature Discovery writes them.
    pub(super) fn labels(&self) -> String {
        let gpu = self.gpu;
        let strategy = if gpu.partitions.is_empty() { "none" } else { "mixed" };
        let cards = [
            ("gpu.present", "true".to_owned()),
            ("gpu.product", gpu.product.to_owned()),
            ("gpu.memory", gpu.memory_mib.to_string()),
            ("gpu.count", gpu.count.to_string()),
            ("gpu.replicas", "1".to_owned()),
            ("gpu.family", gpu.family.to_owned()),
            ("gpu.compute.major", gpu.compute.0.to_string()),
            ("gpu.compute.minor", gpu.compute.1.to_string()),
            ("gpu.sharing-strategy", "none".to_owned()),
            ("mig.strategy", strategy.to_owned()),
        ];
        let partitions = gpu.partitions.iter().flat_map(|partition| partition.labels(&gpu));
        let all = cards.map(|(key, value)| (key.to_owned(), value)).into_iter().chain(partitions);
        all.map(|(key, value)| format!("nvidia.com/{key}={value}")).collect::<Vec<_>>().join(",")
    }

    /// What it offers: the extended resources that NVIDIA's device plugin would count.
    pub(super) fn resources(&self) -> Vec<(String, u32)> {
        let partitions = self.gpu.partitions;
        let whole = if partitions.is_empty() { self.gpu.count } else { 0 };
        let parts = partitions.iter().map(|part| (format!("nvidia.com/mig-{}", part.profile), part.count));
        std::iter::once(("nvidia.com/gpu".to_owned(), whole)).chain(parts).collect()
    }
}

impl Partition {
    fn labels(&self, gpu: &Gpu) -> [(String, String); 7] {
        [
            ("product", format!("{}-MIG-{}", gpu.product, self.profile)),
            ("memory", self.memory_mib.to_string()),
            ("count", self.count.to_string()),
            ("replicas", "1".to_owned()),
            ("sharing-strategy", "none".to_owned()),
            ("slices.ci", self.slices.0.to_string()),
            ("slices.gi", self.slices.1.to_string()),
        ]
        .map(|(key, value)| (format!("mig-{}.{key}", self.profile), value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_those_of_gpu_feature_discovery() {
        let labels = NODES[2].labels();
        assert!(labels.contains("nvidia.com/gpu.memory=24564,nvidia.com/gpu.count=2"), "{labels}");
        assert!(labels.contains("nvidia.com/gpu.product=NVIDIA-GeForce-RTX-4090"), "{labels}");
    }

    #[test]
    fn a_partitioned_node_offers_partitions_and_no_whole_cards() {
        let node = &SPARES[1];
        assert!(node.labels().contains("nvidia.com/mig-1g.10gb.memory=9728"), "{}", node.labels());
        let resources = node.resources();
        assert_eq!(resources[..2], [("nvidia.com/gpu".into(), 0), ("nvidia.com/mig-1g.10gb".into(), 2)]);
    }

    #[test]
    fn addresses_and_names_differ() {
        let mut indices: Vec<u8> = all().map(|node| node.index).collect();
        indices.dedup();
        assert_eq!(indices, [1, 2, 3, 4, 5]);
    }
}
