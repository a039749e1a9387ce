//! Which cards can hold a replica, and which of them are free.

mod alike;
mod ask;
mod catalogue;
mod choose;
mod device;
mod fits;
mod inventory;
mod judge;
mod mode;
mod node;
mod offer;
mod partition;
mod preference;
mod share;
mod stock;
mod taint;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;
mod usage;

pub use ask::{Ask, SHARERS};
pub use catalogue::{
    Gpu, Hourly, LAUNCH_PRICES, PriceList, TooSmall, UnknownGpu, gpu, gpus, known_gpu, too_small, usable_mib,
};
pub use choose::{Choice, choose};
pub use device::{Allocated, Allocations, DRIVER, Device, GPU_TYPE, devices};
pub use fits::{Card, Fits, PassedOver, ProductFit, find_fits};
pub use inventory::Inventory;
pub use judge::{Placeable, judge};
pub use mode::Mode;
pub use node::{GpuMemory, GpuNode, Sharing};
pub use partition::Partition;
pub use preference::{Preference, card_classes, prefer_small_cards};
pub use share::share_request_mib;
pub use stock::{Stock, stock};
pub use usage::{ContainerLimits, PodGpus, Usage};

/// Label values above this are bytes, written by old versions of GPU feature discovery; no card has 10 TiB.
pub const LARGEST_MIB_LABEL: u64 = 10_000_000;
