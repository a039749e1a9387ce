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

/// The cards of the sizing table, with the memory that their drivers report.
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
        },
    },
];

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
        [
            ("gpu.present", "true".to_owned()),
            ("gpu.product", gpu.product.to_owned()),
            ("gpu.memory", gpu.memory_mib.to_string()),
            ("gpu.count", gpu.count.to_string()),
            ("gpu.replicas", "1".to_owned()),
            ("gpu.family", gpu.family.to_owned()),
            ("gpu.compute.major", gpu.compute.0.to_string()),
            ("gpu.compute.minor", gpu.compute.1.to_string()),
            ("gpu.sharing-strategy", "none".to_owned()),
            ("mig.strategy", "none".to_owned()),
        ]
        .map(|(key, value)| format!("nvidia.com/{key}={value}"))
        .join(",")
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
}
