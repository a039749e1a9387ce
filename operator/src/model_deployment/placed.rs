//! The condition `Placeable` and what status says of placement.

use super::failure::PodFacts;
use super::need::{Need, alternatives, over};
use crate::conditions::{Reason, Verdict, types};
use crate::decide::placement::{Ask, Choice, Inventory, Mode, Placeable, choose, find_fits, judge};
use crate::kube_ext::{mib, to_mib};
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::{ChosenMode, GpuFit, GpuSharing, PlacementStatus};

/// How many alternatives a `NoFit` message lists.
const ALTERNATIVES: usize = 3;
/// Numbers of GPUs that a replica might be spread over instead.
const SPREADS: [u32; 3] = [2, 4, 8];

/// How the replicas of an object get their GPUs, and where they fit.
pub(crate) fn choice(object: &ModelDeployment, inventory: &Inventory, required_mib: u64) -> Choice {
    let placement = object.spec.placement.as_ref();
    let wanted = placement.and_then(|placement| placement.mode).unwrap_or_default();
    choose(inventory, &Ask::of(placement, required_mib), wanted, before(object, required_mib).as_ref())
}

/// How they got them at the last reconcile, if their need was the same: another need makes new pods anyway.
fn before(object: &ModelDeployment, required_mib: u64) -> Option<Mode> {
    let status = object.status.as_ref()?;
    let required = status.memory.as_ref().and_then(|memory| to_mib(&memory.required).ok());
    let placement = status.placement.as_ref().filter(|_| required == Some(required_mib))?;
    Some(match placement.mode {
        // The only way of versions that did not say.
        None | Some(ChosenMode::NodeLabels) => Mode::NodeLabels,
        Some(ChosenMode::Mig) => Mode::Mig { profile: placement.mig_profile.clone() },
        Some(ChosenMode::Dra) => Mode::Dra,
    })
}

/// Replicas that have no node yet.
pub(super) fn waiting(object: &ModelDeployment, pods: &[PodFacts]) -> u32 {
    let placed = pods.iter().filter(|pod| pod.node.is_some() && !pod.terminating).count();
    let placed = u32::try_from(placed).unwrap_or(u32::MAX);
    u32::try_from(object.spec.replicas).unwrap_or(0).saturating_sub(placed)
}

/// What status says of placement.
pub(super) fn placement(choice: &Choice) -> PlacementStatus {
    let Choice { mode, fits, .. } = choice;
    let (why, omissions) = (choice.why(), fits.omissions());
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    PlacementStatus {
        mode: Some(match mode {
            Mode::NodeLabels => ChosenMode::NodeLabels,
            Mode::Mig { .. } => ChosenMode::Mig,
            Mode::Dra => ChosenMode::Dra,
        }),
        mig_profile: match mode {
            Mode::Mig { profile } => profile.clone(),
            Mode::NodeLabels | Mode::Dra => None,
        },
        fits: fits
            .products
            .iter()
            .map(|p| GpuFit {
                product: p.product.clone(),
                memory: mib(p.memory_mib),
                nodes: count(p.nodes),
                gpus: count(p.gpus),
                free_gpus: count(p.free),
            })
            .collect(),
        summary: fits.to_string(),
        message: if omissions.is_empty() { why } else { format!("{why}; {omissions}") },
    }
}

/// What is said of a replica's chances.
pub(super) fn placeable(
    object: &ModelDeployment,
    need: &Need,
    inventory: &Inventory,
    choice: &Choice,
    waiting: u32,
) -> Verdict {
    let Choice { mode, fits, .. } = choice;
    let needs = match fits.gpus {
        1 => format!("needs {} MiB of GPU memory", fits.required_mib),
        gpus => format!("needs {} MiB on each of {gpus} GPUs of one node", fits.required_mib),
    };
    if choice.devices_unknown() {
        return Verdict::unknown(
            Reason::Progressing,
            format!("{needs}; what devices there are is not known yet"),
        );
    }
    let omissions = fits.omissions();
    let omitted = if omissions.is_empty() { String::new() } else { format!("; {omissions}") };
    match judge(fits, waiting) {
        Placeable::Fits => Verdict::yes(Reason::Fits, format!("{needs}; fits {fits}")),
        Placeable::NoFreeGpu => {
            let message = format!(
                "{needs}; {waiting} replicas wait, and none of the GPUs that fit is free: {}{omitted}",
                fits.in_use()
            );
            Verdict::no(Reason::NoFreeGPU, message)
        }
        Placeable::NoFit => {
            let advice = advice(object, need, inventory, choice);
            Verdict::no(Reason::NoFit, format!("{fits}{omitted}; {advice}"))
        }
        Placeable::NoGpuNodes => {
            let (offer, remedy) = match mode {
                Mode::NodeLabels => (
                    "nvidia.com/gpu that this replica may take and whose nvidia.com/gpu.memory label can be read",
                    "install GPU feature discovery, label the nodes",
                ),
                Mode::Mig { .. } => ("MIG partitions whose memory label can be read", "partition GPUs"),
                Mode::Dra => (
                    "a device in a ResourceSlice of gpu.nvidia.com that this replica may take",
                    "install the DRA driver",
                ),
            };
            let message =
                format!("{needs}, and no node offers {offer}{omitted}: {remedy}, or change spec.placement");
            Verdict::no(Reason::NoGPUNodes, message)
        }
    }
}

/// What to change for the model to fit, with figures.
fn advice(object: &ModelDeployment, need: &Need, inventory: &Inventory, choice: &Choice) -> String {
    let fits = &choice.fits;
    let Some(largest) = &fits.largest else {
        return "add a GPU".to_owned();
    };
    let smaller = alternatives(&object.spec, need, largest.usable_mib);
    let smaller = smaller.iter().take(ALTERNATIVES).map(ToString::to_string);
    let options: Vec<_> = smaller.chain(spread(object, need, inventory, choice)).collect();
    if options.is_empty() {
        "add a larger GPU or choose a smaller model".to_owned()
    } else {
        format!("it would fit with {}", options.join(", or with "))
    }
}

/// The fewest GPUs to spread a replica over for it to fit on some node.
fn spread(object: &ModelDeployment, need: &Need, inventory: &Inventory, choice: &Choice) -> Option<String> {
    let mut placement = object.spec.placement.clone().unwrap_or_default();
    if placement.sharing == Some(GpuSharing::Shared) || matches!(choice.mode, Mode::Mig { .. }) {
        return None;
    }
    SPREADS.into_iter().filter(|spread| *spread > choice.fits.gpus).find_map(|spread| {
        let required_mib = over(&object.spec, need, spread)?;
        placement.gpus_per_replica = Some(spread);
        let fits = find_fits(inventory, &Ask::of(Some(&placement), required_mib), &choice.mode);
        fits.any().then(|| format!("gpusPerReplica {spread} ({required_mib} MiB on each)"))
    })
}

/// What an inventory means for an object that was reconciled before.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum News {
    /// Its status says the same.
    None,
    /// The counts differ.
    Counts,
    /// Replicas can be placed that could not be before, or the other way round; or other products fit.
    Verdict,
}

/// Compares a status with an inventory; `placed` is how many pods of the object have a node.
pub fn news(object: &ModelDeployment, placed: u32, inventory: &Inventory) -> News {
    let Some(status) = &object.status else {
        return News::None;
    };
    let required = status.memory.as_ref().and_then(|memory| to_mib(&memory.required).ok());
    let (Some(known), Some(required)) = (&status.placement, required) else {
        return News::None;
    };
    let choice = choice(object, inventory, required);
    let desired = status.desired_replicas.unwrap_or(object.spec.replicas);
    let waiting = u32::try_from(desired).unwrap_or(0).saturating_sub(placed);
    let reason = match judge(&choice.fits, waiting) {
        _ if choice.devices_unknown() => Reason::Progressing,
        Placeable::Fits => Reason::Fits,
        Placeable::NoFreeGpu => Reason::NoFreeGPU,
        Placeable::NoFit => Reason::NoFit,
        Placeable::NoGpuNodes => Reason::NoGPUNodes,
    };
    let said = status.conditions.iter().find(|condition| condition.type_ == types::PLACEABLE);
    let present = placement(&choice);
    let products = |placement: &PlacementStatus| {
        placement.fits.iter().map(|fit| fit.product.clone()).collect::<Vec<_>>()
    };
    let mode = |placement: &PlacementStatus| (placement.mode, placement.mig_profile.clone());
    let same = mode(known) == mode(&present) && products(known) == products(&present);
    if !same || said.is_none_or(|said| said.reason != reason.as_str()) {
        News::Verdict
    } else if *known != present {
        News::Counts
    } else {
        News::None
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::placement::testing::{inventory, node, published, slice, takes};
    use crate::model_deployment::dereference::Observed;
    use crate::model_deployment::file::Look;
    use crate::model_deployment::need::need;
    use crate::model_deployment::status::{Outcome, status};
    use jiff::Timestamp;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn object(placement: &Value) -> ModelDeployment {
        serde_json::from_value(json!({
            "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "m"},
            "spec": {"model": {"preset": "llama-3.1-8b", "quantization": "F16"}, "replicas": 1, "placement": placement},
        }))
        .unwrap()
    }

    /// The object after a reconcile in these surroundings.
    fn reconciled(mut object: ModelDeployment, inventory: &Inventory) -> ModelDeployment {
        let need = need(&object.spec, None).unwrap();
        let observed = Observed {
            inventory: Arc::new(inventory.clone()),
            pods: Vec::new(),
            file: Look::NONE,
            download: None,
        };
        object.status = Some(status(&object, &observed, &Outcome::Planned(&need), Timestamp::UNIX_EPOCH));
        object
    }

    fn said(object: &ModelDeployment) -> (String, String) {
        let conditions = &object.status.as_ref().unwrap().conditions;
        let placeable = conditions.iter().find(|c| c.type_ == types::PLACEABLE).unwrap();
        (placeable.reason.clone(), placeable.message.clone())
    }

    #[test]
    fn each_end_of_the_cards_is_said_with_its_numbers() {
        let (small, large) =
            (node("s", "NVIDIA-GeForce-RTX-3060", 12_288, 1), node("l", "NVIDIA-A10", 23_028, 2));
        let no_fit = said(&reconciled(object(&json!({})), &inventory(std::slice::from_ref(&small), &[])));
        assert_eq!(no_fit.0, "NoFit");
        for piece in ["largest is NVIDIA-GeForce-RTX-3060 with 12288 MiB", "it would fit with", "MiB"] {
            assert!(no_fit.1.contains(piece), "{piece} in {}", no_fit.1);
        }
        let nodes = [small, large];
        let (reason, message) = said(&reconciled(object(&json!({})), &inventory(&nodes, &[takes("l", 2)])));
        assert_eq!(reason, "NoFreeGPU");
        assert!(message.contains("1 replicas wait") && message.contains("A10 (2 of 2 in use)"), "{message}");
        assert_eq!(said(&reconciled(object(&json!({})), &inventory(&nodes, &[takes("l", 1)]))).0, "Fits");
        assert_eq!(said(&reconciled(object(&json!({})), &Inventory::default())).0, "NoGPUNodes");
    }

    #[test]
    fn several_small_cards_are_offered_for_one_large_one() {
        let cards = inventory(&[node("s", "NVIDIA-GeForce-RTX-3060", 12_288, 2)], &[]);
        let (_, message) = said(&reconciled(object(&json!({})), &cards));
        assert!(message.contains("gpusPerReplica 2 ("), "{message}");
        assert_eq!(said(&reconciled(object(&json!({"gpusPerReplica": 2})), &cards)).0, "Fits");
    }

    #[test]
    fn devices_that_are_not_known_yet_do_not_say_that_nothing_fits() {
        let devices = published(&[slice("n", "NVIDIA A10", 23_028, 2, false)], &[]);
        let on_claims = reconciled(object(&json!({})), &devices);
        assert_eq!(said(&on_claims).0, "Fits");
        let pending = Inventory::default().awaiting_devices(true);
        let held = reconciled(on_claims.clone(), &pending);
        assert_eq!(held.status.as_ref().unwrap().placement.as_ref().unwrap().mode, Some(ChosenMode::Dra));
        let placeable = held.status.as_ref().unwrap().conditions.iter().find(|c| c.type_ == types::PLACEABLE);
        assert_eq!(placeable.unwrap().status, "Unknown", "{placeable:?}");
        assert_eq!(news(&held, 1, &pending), News::None);
        assert_eq!(news(&held, 1, &devices), News::Verdict, "then they are known");
        assert_eq!(said(&reconciled(on_claims, &Inventory::default())).0, "NoGPUNodes");
    }

    #[test]
    fn only_what_changes_a_verdict_is_news_at_once() {
        let nodes = [node("l", "NVIDIA-A10", 23_028, 2)];
        let free = inventory(&nodes, &[]);
        let full = inventory(&nodes, &[takes("l", 2)]);
        let half = inventory(&nodes, &[takes("l", 1)]);
        let fitting = reconciled(object(&json!({})), &free);
        let waiting = reconciled(object(&json!({})), &full);
        for (object, placed, inventory, expected) in [
            (&fitting, 0, &free, News::None),
            (&fitting, 0, &half, News::Counts),
            (&fitting, 0, &full, News::Verdict),
            (&fitting, 1, &full, News::Counts),
            (&waiting, 0, &full, News::None),
            (&waiting, 0, &half, News::Verdict),
            (&waiting, 0, &Inventory::default(), News::Verdict),
        ] {
            assert_eq!(news(object, placed, inventory), expected, "{placed} placed, {inventory:?}");
        }
        assert_eq!(
            news(&super::tests::object(&json!({})), 0, &free),
            News::None,
            "it is yet to be reconciled"
        );
    }
}
