//! What is known of GPUs that a DRA driver publishes, and of claims for them.

use super::table::Table;
use crate::decide::placement::{Allocated, Allocations, Device, devices};
use k8s_openapi::api::resource::v1::{DeviceClass, ResourceClaim, ResourceSlice};
use kube::runtime::watcher;
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// Slices, claims and the class.
#[derive(Debug, Default)]
pub struct Devices(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    slices: Table<ResourceSlice>,
    claims: Table<Vec<Allocated>>,
    classes: Table<()>,
}

/// What placement needs of them.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Known {
    /// The GPUs of each node.
    pub devices: BTreeMap<String, Vec<Device>>,
    /// Whether claims for them are answered.
    pub claims: bool,
}

impl Devices {
    /// Takes in what the watch of slices says; true if anything is news.
    pub fn slice(&self, event: watcher::Event<ResourceSlice>) -> bool {
        self.0.lock().slices.take_in(event, |slice| {
            let mut slice = slice.clone();
            // Versions and times are no news.
            slice.metadata = kube::api::ObjectMeta::default();
            Some(slice)
        })
    }

    /// Likewise for claims. Those without a GPU of the driver are not kept.
    pub fn claim(&self, event: watcher::Event<ResourceClaim>) -> bool {
        self.0.lock().claims.take_in(event, |claim| {
            let allocation = claim.status.as_ref()?.allocation.as_ref()?;
            let results = allocation.devices.as_ref()?.results.as_ref()?;
            let allocated: Vec<_> = results.iter().filter_map(Allocated::of).collect();
            (!allocated.is_empty()).then_some(allocated)
        })
    }

    /// Likewise for the driver's class.
    pub fn class(&self, event: watcher::Event<DeviceClass>) -> bool {
        self.0.lock().classes.take_in(event, |_| Some(()))
    }

    /// What placement needs of them.
    pub fn known(&self) -> Known {
        let state = self.0.lock();
        let allocations = Allocations::of(state.claims.rows().flatten());
        Known {
            devices: devices(state.slices.rows(), &allocations),
            claims: state.classes.rows().next().is_some(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::placement::DRIVER;
    use crate::decide::placement::testing::slice;
    use serde_json::json;
    use watcher::Event::{Apply, Delete};

    fn claim(allocated: bool) -> ResourceClaim {
        let mut claim = json!({"metadata": {"name": "c", "namespace": "apps"}, "spec": {}});
        if allocated {
            let result = json!({"driver": DRIVER, "pool": "n", "device": "gpu-0", "request": "gpu"});
            claim["status"] = json!({"allocation": {"devices": {"results": [result]}}});
        }
        serde_json::from_value(claim).unwrap()
    }

    #[test]
    fn claims_take_devices_and_give_them_back() {
        let devices = Devices::default();
        assert!(devices.slice(Apply(slice("n", "NVIDIA A10", 23_028, 2, false))));
        let mut again = slice("n", "NVIDIA A10", 23_028, 2, false);
        again.metadata.resource_version = Some("2".to_owned());
        assert!(!devices.slice(Apply(again)), "a new version alone is no news");
        let free = || devices.known().devices["n"].iter().filter(|device| device.is_free()).count();
        assert!(!devices.claim(Apply(claim(false))), "a claim without an allocation has nothing");
        assert_eq!(free(), 2);
        assert!(devices.claim(Apply(claim(true))));
        assert_eq!(free(), 1);
        assert!(devices.claim(Delete(claim(true))));
        assert_eq!(free(), 2);
    }

    #[test]
    fn claims_are_answered_where_the_class_is() {
        let devices = Devices::default();
        assert!(!devices.known().claims);
        let class: DeviceClass =
            serde_json::from_value(json!({"metadata": {"name": DRIVER}, "spec": {}})).unwrap();
        assert!(devices.class(Apply(class.clone())) && devices.known().claims);
        assert!(devices.class(Delete(class)) && !devices.known().claims);
    }
}
