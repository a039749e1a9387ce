//! Twelve kinds of GPU nodes.

/// A kind of node.
pub struct Kind {
    /// `nvidia.com/gpu.product`.
    pub product: &'static str,
    /// `nvidia.com/gpu.memory`, as drivers report it.
    pub memory_mib: u64,
    /// Cards of a node.
    pub count: u32,
}

/// The smallest first. Of each there are more than models for which it is the tightest.
pub const KINDS: [Kind; 12] = [
    Kind { product: "NVIDIA-GeForce-RTX-3070", memory_mib: 8192, count: 8 },
    Kind { product: "NVIDIA-GeForce-RTX-3080", memory_mib: 10_240, count: 2 },
    Kind { product: "NVIDIA-GeForce-RTX-3060", memory_mib: 12_288, count: 2 },
    Kind { product: "Tesla-T4", memory_mib: 15_360, count: 4 },
    Kind { product: "NVIDIA-GeForce-RTX-4060-Ti", memory_mib: 16_380, count: 2 },
    Kind { product: "NVIDIA-A10G", memory_mib: 23_028, count: 4 },
    Kind { product: "NVIDIA-L4", memory_mib: 23_034, count: 8 },
    Kind { product: "NVIDIA-GeForce-RTX-4090", memory_mib: 24_564, count: 4 },
    Kind { product: "NVIDIA-A100-SXM4-40GB", memory_mib: 40_960, count: 8 },
    Kind { product: "NVIDIA-L40S", memory_mib: 46_068, count: 8 },
    Kind { product: "NVIDIA-RTX-A6000", memory_mib: 49_140, count: 4 },
    Kind { product: "NVIDIA-H100-80GB-HBM3", memory_mib: 81_559, count: 8 },
];

/// The name of a node.
pub fn node_name(number: usize) -> String {
    format!("simulated-{number}")
}

/// The kind of a node, by its name.
pub fn kind_of(node: &str) -> &'static Kind {
    let number: usize = node.rsplit('-').next().unwrap().parse().unwrap();
    &KINDS[number % KINDS.len()]
}
