//! GPUs that are known by name: how much memory a program can have on them, how fast it is, what an hour costs.
//!
//! A card's label counts more than a program can have: the driver keeps a few hundred MiB for itself, and a card
//! with error correction more. The estimate is compared with what is left.

mod names;
mod prices;
mod table;

pub use names::{UnknownGpu, gpu, known_gpu};
pub use prices::{Hourly, LAUNCH_PRICES, PriceList};

/// What is set aside on a card whose usable memory nobody has published: this much,
const RESERVE_MIB: u64 = 384;
/// and one part in so many of its memory. Together they are more than the gap of every measured card.
const RESERVE_PART: u64 = 100;
/// Drivers differ by up to 1.3 % in the total they report of one card; other amounts are other cards.
const TOLERANCE_PERCENT: u64 = 2;
/// What GPU feature discovery appends to the product of a time-sliced card.
const SHARED: &str = "-SHARED";

/// One GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gpu {
    /// A short name, unique in the catalogue.
    pub name: &'static str,
    /// The `nvidia.com/gpu.product` label that GPU feature discovery writes. Cards of different memory may share
    /// it. `None` for GPUs that Flotilla does not place on.
    pub product: Option<&'static str>,
    /// Memory as the driver and the `nvidia.com/gpu.memory` label report it, in MiB.
    pub memory_mib: u64,
    /// The smallest total that programs have reported on it, in MiB.
    pub measured_mib: Option<u64>,
    /// Memory bandwidth in GB/s.
    pub bandwidth_gb_s: u32,
    /// CUDA compute capability.
    pub compute_capability: Option<(u8, u8)>,
}

impl Gpu {
    /// What one program can have, in MiB: as measured, or the driver's total less 384 MiB and 1 %.
    pub const fn usable_mib(&self) -> u64 {
        match self.measured_mib {
            Some(mib) => mib,
            None => self.memory_mib - RESERVE_MIB - self.memory_mib.div_ceil(RESERVE_PART),
        }
    }

    /// The price of an hour, where a list has one.
    pub fn hourly(&self) -> Option<Hourly> {
        prices::hourly(self.name)
    }

    /// What it cost new, in US dollars, where its maker said so. See [`LAUNCH_PRICES`].
    pub fn launch_usd(&self) -> Option<u32> {
        prices::launch(self.name)
    }

    const fn reserve_mib(&self) -> u64 {
        self.memory_mib - self.usable_mib()
    }
}

/// Every GPU, families together; of several of one size the best known comes first.
pub fn gpus() -> &'static [Gpu] {
    table::GPUS
}

/// What one program can have on a card with these labels, in MiB: the label less what the driver keeps of the
/// product. `None` for a product that the catalogue lacks, or has with another amount of memory only.
pub fn usable_mib(product: &str, label_mib: u64) -> Option<u64> {
    let product = product.strip_suffix(SHARED).unwrap_or(product);
    let near = |gpu: &&Gpu| gpu.memory_mib.abs_diff(label_mib) * 100 <= gpu.memory_mib * TOLERANCE_PERCENT;
    let known = gpus().iter().filter(|gpu| gpu.product == Some(product)).find(near)?;
    Some(label_mib.saturating_sub(known.reserve_mib()))
}

/// Labels of cards that look large enough and are not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct TooSmall {
    /// Products none of whose cards is large enough.
    pub products: Vec<String>,
    /// Memory labels of the others' small cards.
    pub memory_mib: Vec<u64>,
}

/// The labels under which `required_mib` would be let onto a card where a program cannot have that much.
pub fn too_small(required_mib: u64) -> TooSmall {
    let mut found = TooSmall::default();
    let looks_large = |gpu: &&Gpu| gpu.memory_mib >= required_mib && gpu.usable_mib() < required_mib;
    for gpu in gpus().iter().filter(looks_large) {
        let Some(product) = gpu.product else {
            continue;
        };
        let larger_sibling =
            gpus().iter().any(|other| other.product == gpu.product && other.usable_mib() >= required_mib);
        if larger_sibling {
            found.memory_mib.push(gpu.memory_mib);
        } else {
            found.products.extend([product.to_owned(), format!("{product}{SHARED}")]);
        }
    }
    found.memory_mib.dedup();
    found.products.dedup();
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn names_are_unique_and_labels_are_unique_with_their_memory() {
        assert!(gpus().len() >= 40);
        let names: BTreeSet<_> = gpus().iter().map(|gpu| gpu.name).collect();
        assert_eq!(names.len(), gpus().len());
        let labelled: Vec<_> = gpus().iter().filter(|gpu| gpu.product.is_some()).collect();
        let labels: BTreeSet<_> = labelled.iter().map(|gpu| (gpu.product, gpu.memory_mib)).collect();
        assert_eq!(labels.len(), labelled.len());
        assert!(labelled.iter().all(|gpu| gpu.product.is_some_and(|label| !label.contains([' ', '/']))));
    }

    #[test]
    fn the_rule_for_unmeasured_cards_leaves_more_than_the_driver_kept_of_any_measured_one() {
        for gpu in gpus() {
            let derived = Gpu { measured_mib: None, ..*gpu }.usable_mib();
            assert!(derived <= gpu.usable_mib(), "{}: {derived} MiB by rule", gpu.name);
            assert!(gpu.usable_mib() < gpu.memory_mib, "{}", gpu.name);
            assert!(gpu.usable_mib() * 100 >= gpu.memory_mib * 94, "{}: implausible", gpu.name);
        }
    }

    #[test]
    fn the_label_decides_less_what_the_driver_keeps() {
        assert_eq!(usable_mib("NVIDIA-GeForce-RTX-3060", 12_288), Some(11_906));
        assert_eq!(usable_mib("NVIDIA-GeForce-RTX-4060-Ti", 16_380), Some(15_944));
        assert_eq!(usable_mib("NVIDIA-GeForce-RTX-4060-Ti", 8_188), Some(7_722));
        assert_eq!(usable_mib("NVIDIA-L4-SHARED", 23_034), Some(22_558));
        let older_driver = usable_mib("NVIDIA-A10", 22_731).unwrap();
        assert!((22_000..22_414).contains(&older_driver), "{older_driver}");
        assert_eq!(usable_mib("NVIDIA-GeForce-RTX-4090", 49_140), None, "a card with its memory doubled");
        assert_eq!(usable_mib("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", 9_728), None);
    }

    #[test]
    fn exactly_the_cards_that_only_look_large_enough_are_kept_out() {
        let edges = gpus().iter().flat_map(|gpu| [gpu.usable_mib(), gpu.usable_mib() + 1, gpu.memory_mib]);
        for required in edges {
            let out = too_small(required);
            for gpu in gpus() {
                let Some(product) = gpu.product else { continue };
                let barred = out.products.iter().any(|barred| barred == product)
                    || out.memory_mib.contains(&gpu.memory_mib);
                let let_in = gpu.memory_mib >= required && !barred;
                assert_eq!(let_in, gpu.usable_mib() >= required, "{} for {required} MiB", gpu.name);
            }
        }
    }
}
