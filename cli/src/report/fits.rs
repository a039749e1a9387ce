//! Which cards have enough.

use flotilla_operator::decide::placement::{Gpu, gpus};
use flotilla_operator::decide::sizing::Bytes;

/// A card that has enough.
#[derive(Clone, Copy, Debug)]
pub struct Fit {
    /// The card.
    pub gpu: &'static Gpu,
    /// What is left of it for others, headroom included.
    pub free: Bytes,
}

/// Whether one card has enough.
#[derive(Clone, Copy, Debug)]
pub struct Verdict {
    /// The card.
    pub gpu: &'static Gpu,
    /// Whether it has.
    pub fits: bool,
    /// What is missing, if not.
    pub missing: Bytes,
}

/// The cards that Flotilla can place on and that have `required`: the smallest first, of equal ones the cheapest.
pub(super) fn fits(per_gpu: Bytes, required: Bytes) -> Vec<Fit> {
    let mut found: Vec<_> = placeable().filter(|gpu| gpu.usable_mib() >= required.mib()).collect();
    found.sort_by_key(|gpu| (gpu.usable_mib(), gpu.hourly().map_or(u32::MAX, |price| price.cents)));
    let free = |gpu: &Gpu| Bytes::new(usable(gpu).get().saturating_sub(per_gpu.get()));
    found.into_iter().map(|gpu| Fit { gpu, free: free(gpu) }).collect()
}

pub(super) fn verdict(gpu: &'static Gpu, required: Bytes) -> Verdict {
    let missing = Bytes::new(required.get().saturating_sub(usable(gpu).get()));
    Verdict { gpu, fits: gpu.usable_mib() >= required.mib(), missing }
}

/// The best known card of the smallest class that has `required`.
pub(super) fn smallest(required: Bytes) -> Option<&'static Gpu> {
    placeable().filter(|gpu| gpu.usable_mib() >= required.mib()).min_by_key(|gpu| gigabytes(gpu))
}

/// The best known card of the class below that of `gpu`: with fewer GB on its box.
pub(super) fn next_below(gpu: &Gpu) -> Option<&'static Gpu> {
    let below = placeable().map(gigabytes).filter(|class| *class < gigabytes(gpu)).max()?;
    placeable().find(|other| gigabytes(other) == below)
}

/// The largest card there is.
pub(super) fn largest() -> Option<&'static Gpu> {
    placeable().max_by_key(|gpu| gpu.usable_mib())
}

/// What a program can have on `gpu`.
pub(crate) fn usable(gpu: &Gpu) -> Bytes {
    Bytes::from_mib(gpu.usable_mib())
}

/// The GPUs whose nodes carry the labels that Flotilla reads.
fn placeable() -> impl Iterator<Item = &'static Gpu> {
    gpus().iter().filter(|gpu| gpu.product.is_some())
}

/// Error correction and drivers take up to a tenth of what the box says, so that classes are steps of 4 GB, and
/// of 2 GB up to 12.
const fn gigabytes(gpu: &Gpu) -> u64 {
    let step = if gpu.memory_mib > 12_288 { 4096 } else { 2048 };
    gpu.memory_mib.div_ceil(step) * step / 1024
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_card_fits_to_the_last_usable_mib_and_the_smallest_comes_first() {
        let need = Bytes::from_mib(11_906);
        let found = fits(need, need);
        assert!(found.is_sorted_by_key(|fit| fit.gpu.usable_mib()));
        let first = found.first().unwrap();
        assert_eq!((first.gpu.name, first.free), ("RTX 3060 12GB", Bytes::default()));
        let missing = verdict(first.gpu, Bytes::from_mib(12_000));
        assert_eq!((missing.fits, missing.missing.mib()), (false, 94));
    }

    #[test]
    fn gpus_that_flotilla_cannot_place_on_are_not_offered() {
        assert!(fits(Bytes::default(), Bytes::default()).iter().all(|fit| fit.gpu.product.is_some()));
        assert!(smallest(Bytes::from_mib(250_000)).is_none());
    }

    #[test]
    fn classes_follow_the_box() {
        let of = |name| gigabytes(gpus().iter().find(|gpu| gpu.name == name).unwrap());
        let classes = ["RTX 5060", "RTX 3080 10GB", "RTX 5070", "T4", "RTX 5080", "A10", "RTX 3090", "A40"];
        assert_eq!(classes.map(of), [8, 10, 12, 16, 16, 24, 24, 48]);
        assert_eq!(smallest(Bytes::from_mib(11_900)).unwrap().name, "RTX 3060 12GB");
        assert_eq!(smallest(Bytes::from_mib(11_907)).unwrap().name, "RTX 4060 Ti 16GB");
        let below = |name| next_below(gpus().iter().find(|gpu| gpu.name == name).unwrap()).unwrap().name;
        assert_eq!((below("L4"), below("RTX 4060 Ti 16GB")), ("RTX A4500", "RTX 3060 12GB"));
    }
}
