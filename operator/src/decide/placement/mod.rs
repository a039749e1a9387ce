//! Which cards can hold a replica.

mod catalogue;
mod fits;
mod inventory;
mod preference;

pub use catalogue::{Gpu, PRICES, TooSmall, UnknownGpu, gpu, gpus, too_small, usable_mib};
pub use fits::{Card, Fits, ProductFit, find_fits};
pub use inventory::{GpuMemory, GpuNode, Inventory};
pub use preference::{Preference, prefer_small_cards};

/// Label values above this are bytes, written by old versions of GPU feature discovery; no card has 10 TiB.
pub const LARGEST_MIB_LABEL: u64 = 10_000_000;
