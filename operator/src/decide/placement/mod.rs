//! Which cards can hold a replica.

mod fits;
mod inventory;
mod preference;

pub use fits::{Fits, ProductFit, find_fits};
pub use inventory::{GpuMemory, GpuNode, Inventory};
pub use preference::{Preference, prefer_small_cards};

/// Label values above this are bytes, written by old versions of GPU feature discovery; no card has 10 TiB.
pub const LARGEST_MIB_LABEL: u64 = 10_000_000;
