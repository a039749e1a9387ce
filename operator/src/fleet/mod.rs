//! What the cluster looks like: watches feed caches, caches feed the catalog of compiled policies.
//! Every replica keeps all of it; none of it writes.

mod capacity;
mod catalog;
mod client_keys;
mod devices;
mod gpu_pods;
mod index;
mod secrets;
mod seen;
mod stores;
mod table;
mod triggers;

pub use capacity::{Capacity, Publisher};
pub use catalog::{Catalog, Entry, Verdict};
pub use client_keys::{ClientKeys, Keys};
pub use devices::{Devices, Known};
pub use gpu_pods::{BOUND, GpuPod, GpuPods, NOT_ENDED};
pub use index::{CatalogReceiver, Index};
pub use secrets::{SecretState, Secrets};
pub use seen::{Matters, Seen};
pub use stores::{FleetBackend, Stores};
pub use triggers::{Trigger, Triggers, trigger};
