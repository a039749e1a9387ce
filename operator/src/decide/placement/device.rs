//! GPUs as a DRA driver publishes them, and what claims have of them.

use super::usable_mib;
use crate::kube_ext::to_mib;
use k8s_openapi::api::core::v1::Taint;
use k8s_openapi::api::resource::v1::{Device as Published, DeviceRequestAllocationResult, ResourceSlice};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::{BTreeMap, HashMap};

/// The driver, its `DeviceClass` for whole GPUs, and the domain of its attributes and capacities.
pub const DRIVER: &str = "gpu.nvidia.com";
/// The attribute `type` of a whole GPU.
pub const GPU_TYPE: &str = "gpu";

/// One GPU of a node.
#[derive(Debug, Clone, PartialEq)]
pub struct Device {
    /// As the node label would have it: with dashes for blanks.
    pub product: String,
    /// As published, in MiB.
    pub memory_mib: u64,
    /// What a program can have, in MiB.
    pub usable_mib: u64,
    /// Whether claims share it, each with its part of the memory.
    pub shareable: bool,
    /// What claims have of it, in MiB: all of it where one claim has it for itself.
    pub taken_mib: u64,
    /// What keeps claims off it.
    pub taints: Vec<Taint>,
}

impl Device {
    /// Whether nobody has any of it.
    pub const fn is_free(&self) -> bool {
        self.taken_mib == 0
    }

    /// What no claim has, in MiB.
    pub const fn left_mib(&self) -> u64 {
        self.memory_mib.saturating_sub(self.taken_mib)
    }
}

/// A device's name: pool and device.
type Name = (String, String);

/// What claims have of devices.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Allocations(HashMap<Name, Option<u64>>);

/// What one claim has of one device.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Allocated {
    name: Name,
    /// In MiB; none for all of it.
    share_mib: Option<u64>,
}

impl Allocated {
    /// Reads one result of an allocation; none for devices of other drivers.
    pub fn of(result: &DeviceRequestAllocationResult) -> Option<Self> {
        let watched = result.driver == DRIVER && result.admin_access != Some(true);
        watched.then(|| Self {
            name: (result.pool.clone(), result.device.clone()),
            share_mib: result.consumed_capacity.as_ref().and_then(|consumed| mib(consumed.get("memory")?)),
        })
    }
}

impl Allocations {
    /// Sums up.
    pub fn of<'a>(all: impl IntoIterator<Item = &'a Allocated>) -> Self {
        let mut allocations = Self::default();
        for allocated in all {
            let sum = allocations.0.entry(allocated.name.clone()).or_insert(Some(0));
            *sum = sum.zip(allocated.share_mib).map(|(sum, share)| sum.saturating_add(share));
        }
        allocations
    }
}

/// The GPUs of every node, from the slices of the newest generation of each pool.
pub fn devices<'a>(
    slices: impl IntoIterator<Item = &'a ResourceSlice> + Clone,
    allocations: &Allocations,
) -> BTreeMap<String, Vec<Device>> {
    let mut newest: HashMap<&str, i64> = HashMap::new();
    for slice in slices.clone() {
        let generation = newest.entry(&slice.spec.pool.name).or_insert(slice.spec.pool.generation);
        *generation = slice.spec.pool.generation.max(*generation);
    }
    let mut found: BTreeMap<String, Vec<Device>> = BTreeMap::new();
    for slice in slices {
        let pool = &slice.spec.pool;
        let current = newest.get(pool.name.as_str()) == Some(&pool.generation);
        // GPUs that several nodes reach are not what this driver publishes.
        let Some(node) = slice.spec.node_name.as_ref().filter(|_| current && slice.spec.driver == DRIVER)
        else {
            continue;
        };
        let read = |published| device(published, &pool.name, allocations);
        found.entry(node.clone()).or_default().extend(slice.spec.devices.iter().flatten().filter_map(read));
    }
    found
}

fn device(published: &Published, pool: &str, allocations: &Allocations) -> Option<Device> {
    let attribute = |name: &str| {
        let attributes = published.attributes.as_ref()?;
        attributes.get(name).or_else(|| attributes.get(&format!("{DRIVER}/{name}")))?.string.clone()
    };
    if attribute("type").as_deref() != Some(GPU_TYPE) {
        return None;
    }
    let capacity = published.capacity.as_ref()?;
    let memory = capacity.get("memory").or_else(|| capacity.get(&format!("{DRIVER}/memory")))?;
    let memory_mib = mib(&memory.value).filter(|mib| *mib > 0)?;
    let product = attribute("productName").unwrap_or_else(|| "unknown".to_owned()).replace(' ', "-");
    let allocated = allocations.0.get(&(pool.to_owned(), published.name.clone()));
    let taints = published.taints.iter().flatten().map(|taint| Taint {
        key: taint.key.clone(),
        value: taint.value.clone(),
        effect: taint.effect.clone(),
        ..Taint::default()
    });
    Some(Device {
        usable_mib: usable_mib(&product, memory_mib).unwrap_or(memory_mib),
        product,
        memory_mib,
        shareable: published.allow_multiple_allocations == Some(true),
        taken_mib: allocated.map_or(0, |share| share.unwrap_or(memory_mib)),
        taints: taints.collect(),
    })
}

fn mib(quantity: &Quantity) -> Option<u64> {
    to_mib(quantity).ok()
}

#[cfg(test)]
mod tests {
    use super::super::testing::{allocated, slice};
    use super::*;
    use serde_json::json;

    #[test]
    fn devices_are_read_with_what_claims_have_of_them() {
        let mut slice = slice("n", "NVIDIA A10", 23_028, 3, true);
        slice.spec.devices.as_mut().unwrap()[2].allow_multiple_allocations = None;
        let taken = [allocated("n", 0, Some(4_000)), allocated("n", 0, Some(2_000)), allocated("n", 2, None)];
        let found = devices([&slice], &Allocations::of(&taken)).remove("n").unwrap();
        let left: Vec<_> = found.iter().map(|device| (device.shareable, device.left_mib())).collect();
        assert_eq!(left, [(true, 17_028), (true, 23_028), (false, 0)]);
        assert_eq!((found[0].product.as_str(), found[0].usable_mib), ("NVIDIA-A10", 22_413));
    }

    #[test]
    fn older_generations_other_drivers_and_other_types_do_not_count() {
        let (mut old, mut other) = (slice("n", "NVIDIA A10", 23_028, 1, false), slice("m", "X", 1, 1, false));
        old.spec.pool.generation = 0;
        other.spec.driver = "gpu.example.com".to_owned();
        let mut partition = slice("p", "NVIDIA A100", 4_864, 1, false);
        let attributes = partition.spec.devices.as_mut().unwrap()[0].attributes.as_mut().unwrap();
        attributes.get_mut("type").unwrap().string = Some("mig".to_owned());
        let current = slice("n", "NVIDIA A10", 23_028, 2, false);
        let found = devices([&old, &other, &partition, &current], &Allocations::default());
        assert_eq!(
            found.iter().map(|(node, all)| (node.as_str(), all.len())).collect::<Vec<_>>(),
            [("n", 2), ("p", 0)]
        );
    }

    #[test]
    fn an_allocation_without_a_share_is_of_all_of_it() {
        let result = |extra: serde_json::Value| {
            let mut result = json!({"driver": DRIVER, "pool": "n", "device": "gpu-0", "request": "gpu"});
            result.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            Allocated::of(&serde_json::from_value(result).unwrap())
        };
        assert_eq!(result(json!({})).unwrap().share_mib, None);
        let share = result(json!({"consumedCapacity": {"memory": "3Gi"}}));
        assert_eq!(share.unwrap().share_mib, Some(3072));
        assert_eq!(result(json!({"adminAccess": true})), None, "monitoring takes nothing");
        assert_eq!(result(json!({"driver": "other"})), None);
    }
}
