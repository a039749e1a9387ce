//! On which GPUs the replicas of a model are, and how much of a card one of these is.

use crate::decide::placement::{
    Choice, Gpu, GpuMemory, GpuNode, Inventory, Mode, Sharing, known_gpu, share_request_mib,
};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Stands in front of the profile in the product of a partition.
const PARTITION: &str = "-MIG-";
/// Appended to the product of a GPU that pods share.
const SHARED: &str = "-SHARED";

/// GPUs of one kind.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Cards<'a> {
    /// Their product, as placement has it.
    pub(super) product: Cow<'a, str>,
    /// The whole card, where the catalogue has it.
    pub(super) card: Option<&'static Gpu>,
    /// The part of a card that one of them is, by memory: 1 but for partitions and shares.
    pub(super) part: f64,
}

/// Where the replicas are: each of `nodes` with its GPUs, in the order given. The inventory may not know some.
pub(super) fn places<'a>(
    choice: &Choice,
    shared: bool,
    inventory: &'a Inventory,
    nodes: &[&str],
) -> Vec<(&'a GpuNode, Cards<'a>)> {
    let place = |name: &&str| {
        let node = inventory.node(name)?;
        Some((node, on(node, choice, shared)?))
    };
    nodes.iter().filter_map(place).collect()
}

/// The GPUs that most replicas have, the first by name of equals; of a model without any, those that its first one
/// would have.
pub(super) fn most<'a>(places: &[(&GpuNode, Cards<'a>)], choice: &'a Choice, shared: bool) -> Cards<'a> {
    let mut counts: BTreeMap<&str, (u32, &Cards<'a>)> = BTreeMap::new();
    for (_, cards) in places {
        counts.entry(&cards.product).or_insert((0, cards)).0 += 1;
    }
    // The last of equals is taken: in the opposite order, the first.
    let most = counts.into_values().rev().max_by_key(|(count, _)| *count);
    let first = || {
        let fit = choice.fits.products.first();
        let product = fit.map_or("", |fit| fit.product.as_str());
        cards(product.into(), fit.map(|fit| fit.memory_mib), choice, shared)
    };
    most.map_or_else(first, |(_, cards)| cards.clone())
}

/// What the way that was chosen hands out on this node; a product that would fit comes first.
fn on<'a>(node: &'a GpuNode, choice: &Choice, shared: bool) -> Option<Cards<'a>> {
    match &choice.mode {
        Mode::NodeLabels | Mode::Mig { profile: None } => {
            let sharers = match node.sharing {
                Sharing::Shared(Some(sharers)) => u64::from(sharers.max(1)),
                _ => 1,
            };
            let product = node.product.as_str().into();
            Some(cards(product, mib(node.memory).map(|mib| mib / sharers), choice, shared))
        }
        Mode::Mig { profile: Some(profile) } => {
            let partition = node.partitions.iter().find(|partition| &partition.profile == profile);
            let product = format!("{}{PARTITION}{profile}", node.product);
            Some(cards(product.into(), mib(partition?.memory), choice, shared))
        }
        Mode::Dra => {
            let there = |product: &str| node.devices.iter().find(|device| device.product == product);
            let device = choice.fits.products.iter().find_map(|fit| there(&fit.product));
            let device = device.or_else(|| node.devices.first())?;
            Some(cards(device.product.as_str().into(), Some(device.memory_mib), choice, shared))
        }
    }
}

fn mib(memory: GpuMemory) -> Option<u64> {
    match memory {
        GpuMemory::Mib(mib) => Some(mib),
        GpuMemory::Unknown | GpuMemory::LabelledInBytes => None,
    }
}

/// `memory_mib` is what placement compares a need with: of one partition or share, or of the device that is shared.
fn cards<'a>(product: Cow<'a, str>, memory_mib: Option<u64>, choice: &Choice, shared: bool) -> Cards<'a> {
    let card = known_gpu(whole(&product));
    let part = || {
        let memory_mib = memory_mib?;
        let (part, all) = match choice.mode {
            Mode::NodeLabels | Mode::Dra if !shared => return None,
            Mode::NodeLabels | Mode::Mig { .. } => (memory_mib, card?.memory_mib),
            Mode::Dra => (share_request_mib(choice.fits.required_mib), memory_mib),
        };
        #[allow(clippy::cast_precision_loss, reason = "MiB of a card")]
        let part = part as f64 / all as f64;
        (part > 0.0).then(|| part.min(1.0))
    };
    Cards { part: part().unwrap_or(1.0), card, product }
}

/// The product of the card that a partition or share is of.
pub(super) fn whole(product: &str) -> &str {
    let product = product.split_once(PARTITION).map_or(product, |(whole, _)| whole);
    product.strip_suffix(SHARED).unwrap_or(product)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::placement::testing::{inventory, labelled, mixed, node, slice, with};
    use crate::decide::placement::{Allocations, Ask, Usage, choose, devices};
    use flotilla_crds::labels;
    use flotilla_crds::model_deployment::PlacementSpec;
    use serde_json::json;

    fn chosen(inventory: &Inventory, spec: serde_json::Value, required_mib: u64) -> Choice {
        let placement: PlacementSpec = serde_json::from_value(spec).unwrap();
        choose(inventory, &Ask::of(Some(&placement), required_mib), placement.mode.unwrap_or_default(), None)
    }

    fn most_on(inventory: &Inventory, spec: serde_json::Value, nodes: &[&str]) -> (String, String, f64) {
        let shared = spec["sharing"] == "Shared";
        let choice = chosen(inventory, spec, 5_000);
        let Cards { product, card, part } = most(&places(&choice, shared, inventory, nodes), &choice, shared);
        (product.into_owned(), card.map_or("", |card| card.name).to_owned(), (part * 1000.0).round() / 1000.0)
    }

    fn is(product: &str, card: &str, part: f64) -> (String, String, f64) {
        (product.to_owned(), card.to_owned(), part)
    }

    #[test]
    fn most_replicas_decide_and_not_the_one_that_comes_first() {
        let cluster = inventory(
            &[
                node("a", "NVIDIA-A10", 23_028, 4),
                node("b", "NVIDIA-L4", 23_034, 4),
                node("c", "NVIDIA-L4", 23_034, 4),
            ],
            &[],
        );
        for nodes in [["a", "b", "c"], ["c", "b", "a"], ["b", "a", "b"]] {
            assert_eq!(most_on(&cluster, json!({}), &nodes), is("NVIDIA-L4", "L4", 1.0), "{nodes:?}");
        }
        assert_eq!(most_on(&cluster, json!({}), &["b", "a"]).0, "NVIDIA-A10", "the first by name of equals");
        assert_eq!(most_on(&cluster, json!({}), &["gone"]).0, "NVIDIA-A10", "the smallest that fits");
    }

    #[test]
    fn partitions_and_shares_are_parts_of_their_cards() {
        let single = [
            (labels::GPU_PRODUCT, "NVIDIA-A100-SXM4-80GB-MIG-1g.10gb"),
            (labels::GPU_MEMORY, "9728"),
            (labels::GPU_SLICES, "1"),
        ];
        let sliced = with(node("n", "NVIDIA-L4-SHARED", 23_034, 4), labels::GPU_REPLICAS, "4");
        for (cluster, spec, expected) in [
            (
                inventory(&[mixed("n", &[("1g.10gb", 9_728, 7)])], &[]),
                json!({}),
                is("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", "A100 SXM4 80GB", 0.119),
            ),
            (
                inventory(&[labelled("n", &single, 7)], &[]),
                json!({}),
                is("NVIDIA-A100-SXM4-80GB-MIG-1g.10gb", "A100 SXM4 80GB", 0.119),
            ),
            (inventory(&[sliced], &[]), json!({"sharing": "Shared"}), is("NVIDIA-L4-SHARED", "L4", 0.25)),
        ] {
            assert_eq!(most_on(&cluster, spec, &["n"]), expected);
        }
    }

    #[test]
    fn the_devices_of_a_driver_say_what_a_node_without_labels_has() {
        let published = |shareable| {
            let slices = [slice("n", "NVIDIA A10", 23_028, 1, shareable)];
            let devices = devices(&slices, &Allocations::of(&[]));
            Inventory::new(&[labelled("n", &[], 0)], &Usage::default(), devices, true)
        };
        assert_eq!(most_on(&published(false), json!({}), &["n"]), is("NVIDIA-A10", "A10", 1.0));
        let share = json!({"sharing": "Shared"});
        assert_eq!(most_on(&published(true), share, &["n"]), is("NVIDIA-A10", "A10", 0.232));
    }
}
