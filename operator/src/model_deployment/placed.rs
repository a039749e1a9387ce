//! The condition `Placeable` and what status says of placement.

use super::failure::PodFacts;
use super::need::{Need, alternatives, over};
use crate::conditions::{Reason, Verdict, types};
use crate::decide::placement::{Ask, Fits, Inventory, Placeable, find_fits, judge};
use crate::kube_ext::{mib, to_mib};
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::{ChosenMode, GpuFit, GpuSharing, PlacementStatus};

/// How many alternatives a `NoFit` message lists.
const ALTERNATIVES: usize = 3;
/// Numbers of GPUs that a replica might be spread over instead.
const SPREADS: [u32; 3] = [2, 4, 8];

/// Where the replicas of an object fit.
pub(super) fn fits(object: &ModelDeployment, inventory: &Inventory, required_mib: u64) -> Fits {
    find_fits(inventory, &Ask::of(object.spec.placement.as_ref(), required_mib))
}

/// Replicas that have no node yet.
pub(super) fn waiting(object: &ModelDeployment, pods: &[PodFacts]) -> u32 {
    let placed = pods.iter().filter(|pod| pod.node.is_some() && !pod.terminating).count();
    without_node(object, u32::try_from(placed).unwrap_or(u32::MAX))
}

fn without_node(object: &ModelDeployment, placed: u32) -> u32 {
    u32::try_from(object.spec.replicas).unwrap_or(0).saturating_sub(placed)
}

/// What status says of placement.
pub(super) fn placement(fits: &Fits) -> PlacementStatus {
    let count = |n: u32| i32::try_from(n).unwrap_or(i32::MAX);
    PlacementStatus {
        mode: Some(ChosenMode::NodeLabels),
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
        message: fits.omissions(),
    }
}

/// What is said of a replica's chances.
pub(super) fn placeable(
    object: &ModelDeployment,
    need: &Need,
    inventory: &Inventory,
    fits: &Fits,
    waiting: u32,
) -> Verdict {
    let needs = match fits.gpus {
        1 => format!("needs {} MiB of GPU memory", fits.required_mib),
        gpus => format!("needs {} MiB on each of {gpus} GPUs of one node", fits.required_mib),
    };
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
            let advice = advice(object, need, inventory, fits);
            Verdict::no(Reason::NoFit, format!("{fits}{omitted}; {advice}"))
        }
        Placeable::NoGpuNodes => {
            let message = format!(
                "{needs}, and no node offers nvidia.com/gpu that this replica may take and whose nvidia.com/gpu.memory label can be read{omitted}: install GPU feature discovery, label the nodes, or change spec.placement"
            );
            Verdict::no(Reason::NoGPUNodes, message)
        }
    }
}

/// What to change for the model to fit, with figures.
fn advice(object: &ModelDeployment, need: &Need, inventory: &Inventory, fits: &Fits) -> String {
    let Some(largest) = &fits.largest else {
        return "add a GPU".to_owned();
    };
    let smaller = alternatives(&object.spec, need, largest.usable_mib);
    let smaller = smaller.iter().take(ALTERNATIVES).map(ToString::to_string);
    let options: Vec<_> = smaller.chain(spread(object, need, inventory, fits.gpus)).collect();
    if options.is_empty() {
        "add a larger GPU or choose a smaller model".to_owned()
    } else {
        format!("it would fit with {}", options.join(", or with "))
    }
}

/// The fewest GPUs to spread a replica over for it to fit on some node.
fn spread(object: &ModelDeployment, need: &Need, inventory: &Inventory, gpus: u32) -> Option<String> {
    let mut placement = object.spec.placement.clone().unwrap_or_default();
    if placement.sharing == Some(GpuSharing::Shared) {
        return None;
    }
    SPREADS.into_iter().filter(|spread| *spread > gpus).find_map(|spread| {
        let required_mib = over(&object.spec, need, spread)?;
        placement.gpus_per_replica = Some(spread);
        let fits = find_fits(inventory, &Ask::of(Some(&placement), required_mib));
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
    let fits = fits(object, inventory, required);
    let reason = match judge(&fits, without_node(object, placed)) {
        Placeable::Fits => Reason::Fits,
        Placeable::NoFreeGpu => Reason::NoFreeGPU,
        Placeable::NoFit => Reason::NoFit,
        Placeable::NoGpuNodes => Reason::NoGPUNodes,
    };
    let said = status.conditions.iter().find(|condition| condition.type_ == types::PLACEABLE);
    let present = placement(&fits);
    let products = |placement: &PlacementStatus| {
        placement.fits.iter().map(|fit| fit.product.clone()).collect::<Vec<_>>()
    };
    if said.is_none_or(|said| said.reason != reason.as_str()) || products(known) != products(&present) {
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
    use crate::decide::placement::testing::{inventory, node, takes};
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
        let observed =
            Observed { inventory: Arc::new(inventory.clone()), pods: Vec::new(), file: Look::NONE };
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
