//! What a replica asks of a node.

use flotilla_crds::model_deployment::{GpuSharing, PlacementSpec, Toleration};
use std::collections::BTreeMap;
use std::ops::RangeInclusive;

/// How many pods may share a GPU for its shares to be taken. NVIDIA's device plugin sets no bound; beyond this a share
/// of the largest card holds no model of use.
pub const SHARERS: RangeInclusive<u32> = 2..=16;

/// What one replica asks for.
#[derive(Debug, Clone, Copy)]
pub struct Ask<'a> {
    /// Memory on each GPU, in MiB, with headroom.
    pub required_mib: u64,
    /// GPUs, all of one node.
    pub gpus: u32,
    /// Shares of GPUs, and no whole ones.
    pub shared: bool,
    /// The products that may be taken; none means all.
    pub products: &'a [String],
    /// Labels that the node must have.
    pub node_selector: &'a BTreeMap<String, String>,
    /// Taints that do not keep it out.
    pub tolerations: &'a [Toleration],
}

static NO_LABELS: BTreeMap<String, String> = BTreeMap::new();

impl<'a> Ask<'a> {
    /// What a spec asks for, for a need of `required_mib` on each GPU.
    pub fn of(placement: Option<&'a PlacementSpec>, required_mib: u64) -> Self {
        Self {
            required_mib,
            gpus: placement.and_then(|placement| placement.gpus_per_replica).unwrap_or(1).max(1),
            shared: placement.and_then(|placement| placement.sharing) == Some(GpuSharing::Shared),
            products: placement.map_or(&[], |placement| &placement.gpu_products),
            node_selector: placement.map_or(&NO_LABELS, |placement| &placement.node_selector),
            tolerations: placement.map_or(&[], |placement| &placement.tolerations),
        }
    }

    /// Whether a product may be taken; what is appended to its name for shares and partitions does not count.
    pub fn takes(&self, product: &str) -> bool {
        let whole = product.split_once("-MIG-").map_or(product, |(whole, _)| whole);
        let whole = whole.strip_suffix("-SHARED").unwrap_or(whole);
        self.products.is_empty() || self.products.iter().any(|taken| taken == whole)
    }
}
