//! Which way onto a GPU is taken.

use super::{Ask, Fits, Inventory, Mode, find_fits};
use flotilla_crds::model_deployment::PlacementMode;
use std::cmp::Reverse;

/// What was decided, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Choice {
    /// The way.
    pub mode: Mode,
    /// Where a replica fits on that way.
    pub fits: Fits,
    because: Because,
}

/// What spoke for a way.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Because {
    /// The spec names it.
    Asked,
    /// Replicas are on it; this one would be taken otherwise.
    Kept(Mode),
    /// Replicas are on it, and whether anything fits there is not known yet.
    Unseen,
    /// It is the best, in a cluster with or without devices of a DRA driver.
    Best { devices: bool },
}

impl Choice {
    /// Why, in a sentence.
    pub fn why(&self) -> String {
        let mode = &self.mode;
        let reason = match &self.because {
            Because::Asked => return format!("{mode}, as spec.placement.mode says"),
            Because::Kept(other) => {
                return format!(
                    "Auto keeps {mode}; {other} would be taken now, but running replicas are not moved for it"
                );
            }
            Because::Unseen => {
                return format!(
                    "Auto keeps {mode}; what devices there are is not known yet, and running replicas are not moved for it"
                );
            }
            Because::Best { .. } if !self.fits.any() => "nothing fits in any mode",
            Because::Best { devices } => match mode {
                Mode::Dra => "ResourceSlices have a device that fits",
                Mode::Mig { .. } => "it is the smallest partition that fits",
                Mode::NodeLabels if *devices => "no device in ResourceSlices fits, or none is free",
                Mode::NodeLabels => {
                    "the cluster has no DRA devices of gpu.nvidia.com, and no partition that fits better"
                }
            },
        };
        format!("Auto takes {mode}: {reason}")
    }

    /// Whether a way was kept of which nothing is known yet: then that nothing fits on it says nothing.
    pub fn devices_unknown(&self) -> bool {
        self.because == Because::Unseen && !self.fits.any()
    }
}

/// Decides for what a spec asks. `before` is how the running replicas got their GPUs, for the same need.
///
/// The way is kept as long as anything fits on it, free or not: another way means new pods. So it is while nothing fits
/// anywhere, and while it is not known what there is on it: it may be back in a moment. Otherwise, of the ways on which
/// a replica fits: one with a free GPU, then devices of a DRA driver, which the scheduler knows one by one;
/// then the smallest partition or card; of partitions of one size that with the fewest compute slices. Where nothing
/// fits, the way with the largest card, which is what a person has to know.
pub fn choose(inventory: &Inventory, ask: &Ask<'_>, wanted: PlacementMode, before: Option<&Mode>) -> Choice {
    let mut ways: Vec<_> = ways(inventory, ask, wanted, before)
        .into_iter()
        .map(|mode| (find_fits(inventory, ask, &mode), mode))
        .collect();
    ways.sort_by_cached_key(|(fits, mode)| {
        let smallest = fits.products.first().map_or(u64::MAX, |fit| fit.memory_mib);
        let largest = fits.largest.as_ref().filter(|_| !fits.any()).map_or(0, |card| card.usable_mib);
        let slices = mode.slices().unwrap_or(u32::MAX);
        (
            !fits.any(),
            fits.closed == 0,
            fits.room == 0,
            Reverse(largest),
            *mode != Mode::Dra,
            smallest,
            slices,
        )
    });
    let would_do = |fits: &Fits| fits.any() || fits.closed > 0;
    let nothing_fits = !ways.iter().any(|(fits, _)| would_do(fits));
    let unseen = |mode: &Mode| *mode == Mode::Dra && inventory.awaits_devices;
    let kept = ways
        .iter()
        .position(|(fits, mode)| Some(mode) == before && (would_do(fits) || nothing_fits || unseen(mode)));
    let index = kept.unwrap_or(0);
    let best = ways.first().filter(|_| index > 0).map(|(_, mode)| mode.clone());
    // There is at least one way in each mode.
    let (fits, mode) =
        if index < ways.len() { ways.swap_remove(index) } else { (Fits::default(), Mode::NodeLabels) };
    let because = match (wanted, best) {
        (PlacementMode::Auto, Some(best)) if fits.any() => Because::Kept(best),
        (PlacementMode::Auto, _) if kept.is_some() && unseen(&mode) && !fits.any() => Because::Unseen,
        (PlacementMode::Auto, _) => Because::Best { devices: inventory.has_devices() },
        _ => Because::Asked,
    };
    Choice { mode, fits, because }
}

/// The ways that a spec leaves open, of those that the cluster has. The one that replicas are on is always among them:
/// a cluster that does not show it now may have it again in a moment.
fn ways(inventory: &Inventory, ask: &Ask<'_>, wanted: PlacementMode, before: Option<&Mode>) -> Vec<Mode> {
    let was = |mode: &Mode| before == Some(mode);
    let mut found = Vec::new();
    if matches!(wanted, PlacementMode::Auto | PlacementMode::NodeLabels) {
        found.push(Mode::NodeLabels);
    }
    if wanted == PlacementMode::Dra
        || (wanted == PlacementMode::Auto && (inventory.claims || was(&Mode::Dra)))
    {
        found.push(Mode::Dra);
    }
    // A process sees one partition only, and partitions are not shared.
    let partitions = ask.gpus == 1 && !ask.shared;
    if wanted == PlacementMode::Mig || (wanted == PlacementMode::Auto && partitions) {
        // The label names card and profile in one, and a card cannot be asked for by a part of it.
        if ask.products.is_empty() || wanted == PlacementMode::Mig {
            found.push(Mode::Mig { profile: None });
        }
        found
            .extend(inventory.profiles().iter().cloned().map(|profile| Mode::Mig { profile: Some(profile) }));
        let profile = before.filter(|mode| matches!(mode, Mode::Mig { profile: Some(_) }));
        found.extend(profile.filter(|mode| !found.contains(mode)).cloned());
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::testing::{allocated, inventory, labelled, mixed, node, published, slice, takes, with};
    use super::super::{Allocations, Usage, devices};
    use super::*;
    use flotilla_crds::labels;
    use flotilla_crds::model_deployment::PlacementSpec;
    use k8s_openapi::api::core::v1::Node;
    use serde_json::json;
    use std::collections::BTreeMap;

    fn profile(profile: &str) -> Mode {
        Mode::Mig { profile: Some(profile.to_owned()) }
    }

    fn single(name: &str, product: &str, memory_mib: u64, count: u32) -> Node {
        with(node(name, product, memory_mib, count), labels::GPU_SLICES, "1")
    }

    fn chosen(
        inventory: &Inventory,
        spec: serde_json::Value,
        required_mib: u64,
        before: Option<&Mode>,
    ) -> Choice {
        let placement: PlacementSpec = serde_json::from_value(spec).unwrap();
        let wanted = placement.mode.unwrap_or_default();
        choose(inventory, &Ask::of(Some(&placement), required_mib), wanted, before)
    }

    fn auto_mode(inventory: &Inventory, required_mib: u64) -> Mode {
        chosen(inventory, json!({}), required_mib, None).mode
    }

    const PROFILES: [(&str, u64, u32); 4] =
        [("1g.10gb", 9_728, 2), ("1g.20gb", 19_968, 1), ("2g.20gb", 19_968, 1), ("3g.40gb", 40_192, 1)];

    #[test]
    fn the_smallest_profile_that_fits_and_of_equals_that_with_the_fewest_slices() {
        let cluster = inventory(&[mixed("m", &PROFILES)], &[]);
        for (need, expected) in [
            (1, profile("1g.10gb")),
            (9_728, profile("1g.10gb")),
            (9_729, profile("1g.20gb")),
            (19_969, profile("3g.40gb")),
        ] {
            assert_eq!(auto_mode(&cluster, need), expected, "{need}");
        }
        let choice = chosen(&cluster, json!({"mode": "MIG"}), 50_000, None);
        assert_eq!(choice.mode, profile("3g.40gb"), "the largest there is");
        assert!(choice.fits.to_string().contains("with 40192 MiB"), "{}", choice.fits);
    }

    #[test]
    fn the_cards_and_partitions_of_a_cluster_are_weighed_by_size() {
        let nodes = [
            node("s", "NVIDIA-GeForce-RTX-3060", 12_288, 1),
            single("m", "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", 9_728, 7),
            mixed("x", &[("2g.20gb", 19_968, 3)]),
            node("l", "NVIDIA-GeForce-RTX-4090", 24_564, 1),
        ];
        let cluster = inventory(&nodes, &[]);
        for (need, expected) in [
            (9_000, Mode::Mig { profile: None }),
            (11_000, Mode::NodeLabels),
            (15_000, profile("2g.20gb")),
            (40_000, Mode::NodeLabels),
        ] {
            let choice = chosen(&cluster, json!({}), need, None);
            assert_eq!(choice.mode, expected, "{need}: {}", choice.why());
        }
    }

    #[test]
    fn partitions_are_not_shared_nor_spread_over() {
        let cluster = inventory(&[mixed("m", &PROFILES), node("l", "NVIDIA-A10", 23_028, 2)], &[]);
        for spec in [json!({"gpusPerReplica": 2}), json!({"sharing": "Shared"})] {
            assert_eq!(chosen(&cluster, spec.clone(), 5_000, None).mode, Mode::NodeLabels, "{spec}");
        }
    }

    /// A cluster that has the same card both by labels and by claims.
    fn both(taken: bool) -> Inventory {
        let slices = [slice("n", "NVIDIA A10", 23_028, 1, false)];
        let nodes = [node("n", "NVIDIA-A10", 23_028, 1)];
        let allocated: Vec<_> = taken.then(|| allocated("n", 0, None)).into_iter().collect();
        let devices = devices(&slices, &Allocations::of(&allocated));
        Inventory::new(&nodes, &Usage::default(), devices, true)
    }

    #[test]
    fn claims_come_first_and_a_free_gpu_before_that() {
        assert_eq!(auto_mode(&both(false), 20_000), Mode::Dra);
        assert_eq!(auto_mode(&both(true), 20_000), Mode::NodeLabels);
        let without_class =
            Inventory::new(&[node("n", "NVIDIA-A10", 23_028, 1)], &Usage::default(), BTreeMap::new(), false);
        assert_eq!(auto_mode(&without_class, 20_000), Mode::NodeLabels);
        assert_eq!(chosen(&both(true), json!({"mode": "DRA"}), 20_000, None).mode, Mode::Dra);
    }

    #[test]
    fn where_nothing_fits_the_largest_card_is_told_of_whoever_has_it() {
        let slices = [slice("n", "NVIDIA A10", 23_028, 1, false)];
        for (devices, largest) in
            [(devices(&slices, &Allocations::of(&[])), 23_028), (BTreeMap::new(), 12_288)]
        {
            let nodes = [node("s", "NVIDIA-GeForce-RTX-3060", 12_288, 1), labelled("n", &[], 0)];
            let cluster = Inventory::new(&nodes, &Usage::default(), devices, true);
            let choice = chosen(&cluster, json!({}), 40_960, None);
            let found = choice.fits.largest.as_ref().map(|card| card.memory_mib);
            assert_eq!(found, Some(largest), "{}", choice.why());
        }
    }

    #[test]
    fn what_runs_stays_on_its_way_as_long_as_anything_fits_there() {
        let kept = chosen(&both(false), json!({}), 20_000, Some(&Mode::NodeLabels));
        assert_eq!(kept.mode, Mode::NodeLabels);
        assert!(kept.why().contains("keeps NodeLabels; DRA would be taken now"), "{}", kept.why());
        assert_eq!(
            chosen(&both(true), json!({}), 20_000, Some(&Mode::Dra)).mode,
            Mode::Dra,
            "full is no reason"
        );
        assert_eq!(chosen(&both(false), json!({}), 20_000, Some(&profile("1g.10gb"))).mode, Mode::Dra);
        for mode in [Mode::Dra, Mode::NodeLabels] {
            let empty = Inventory { claims: true, ..Inventory::default() };
            assert_eq!(
                chosen(&empty, json!({}), 20_000, Some(&mode)).mode,
                mode,
                "the nodes may be away for a moment"
            );
        }
        let explicit = chosen(&both(false), json!({"mode": "NodeLabels"}), 20_000, Some(&Mode::Dra));
        assert_eq!(explicit.mode, Mode::NodeLabels, "the spec says so");
    }

    #[test]
    fn a_way_of_which_nothing_is_seen_for_a_moment_is_kept_while_nothing_fits_anywhere() {
        for mode in [Mode::Dra, Mode::Mig { profile: None }, profile("1g.10gb")] {
            let kept = |inventory: &Inventory| chosen(inventory, json!({}), 9_000, Some(&mode)).mode;
            assert_eq!(kept(&Inventory::default()), mode, "no node is there");
            let others = inventory(&[node("s", "NVIDIA-T4", 8_000, 1)], &[]);
            assert_eq!(kept(&others), mode, "no other node is large enough");
            let fitting = inventory(&[node("l", "NVIDIA-A10", 23_028, 1)], &[]);
            assert_eq!(kept(&fitting), Mode::NodeLabels, "it is known to be gone, and another way fits");
        }
    }

    #[test]
    fn a_way_that_the_spec_no_longer_leaves_open_is_not_kept() {
        for spec in [json!({"gpusPerReplica": 2}), json!({"sharing": "Shared"})] {
            let left = chosen(&Inventory::default(), spec.clone(), 9_000, Some(&profile("1g.10gb")));
            assert_eq!(left.mode, Mode::NodeLabels, "{spec}");
        }
        let named = json!({"gpuProducts": ["NVIDIA-A10"]});
        let whole = Mode::Mig { profile: None };
        assert_eq!(chosen(&Inventory::default(), named, 9_000, Some(&whole)).mode, Mode::NodeLabels);
    }

    #[test]
    fn claims_are_kept_while_it_is_not_known_whether_they_are_answered() {
        let node = node("n", "NVIDIA-A10", 23_028, 1);
        let pending = inventory(std::slice::from_ref(&node), &[]).awaiting_devices(true);
        let kept = chosen(&pending, json!({}), 20_000, Some(&Mode::Dra));
        assert_eq!((kept.mode.clone(), kept.devices_unknown()), (Mode::Dra, true));
        assert!(kept.why().contains("keeps DRA"), "{}", kept.why());
        assert_eq!(chosen(&pending, json!({}), 20_000, None).mode, Mode::NodeLabels, "what is new begins");
        let known = chosen(&inventory(&[node], &[]), json!({}), 20_000, Some(&Mode::Dra));
        assert_eq!((known.mode.clone(), known.devices_unknown()), (Mode::NodeLabels, false));
    }

    #[test]
    fn the_same_surroundings_give_the_same_answer_again() {
        let cluster =
            inventory(&[mixed("m", &PROFILES), node("l", "NVIDIA-A10", 23_028, 2)], &[takes("l", 1)]);
        for need in [5_000, 15_000, 22_000, 90_000] {
            let first = chosen(&cluster, json!({}), need, None);
            assert_eq!(chosen(&cluster, json!({}), need, Some(&first.mode)), first);
        }
    }

    #[test]
    fn shared_devices_are_counted_in_shares() {
        let slices = [slice("n", "NVIDIA A10", 23_028, 1, true)];
        let ask = json!({"sharing": "Shared"});
        let free = chosen(&published(&slices, &[]), ask.clone(), 5_000, None);
        assert_eq!((free.mode, free.fits.room), (Mode::Dra, 4), "5350 MiB each, with the driver's part");
        let taken = [allocated("n", 0, Some(5_350)), allocated("n", 0, Some(5_350))];
        assert_eq!(chosen(&published(&slices, &taken), ask.clone(), 5_000, None).fits.room, 2);
        let alone = chosen(&published(&slices, &[]), json!({"mode": "DRA"}), 5_000, None);
        assert!(alone.fits.omissions().contains("whose GPUs pods share"), "{alone:?}");
        let whole = [slice("n", "NVIDIA A10", 23_028, 1, false)];
        assert!(!chosen(&published(&whole, &[]), ask, 5_000, None).fits.any());
    }

    #[test]
    fn a_device_with_a_taint_is_closed_for_now() {
        let mut ill = slice("n", "NVIDIA A10", 23_028, 1, false);
        let taint = json!([{"key": "gpu.example.com/unhealthy", "effect": "NoSchedule"}]);
        ill.spec.devices.as_mut().unwrap()[0].taints = serde_json::from_value(taint).unwrap();
        let fits = chosen(&published(&[ill], &[]), json!({}), 20_000, None).fits;
        assert_eq!((fits.any(), fits.closed), (false, 1));
    }
}
