//! The products of the cluster that can hold a replica, and what to say when there are none.

use super::{GpuMemory, Inventory, usable_mib};
use std::collections::BTreeMap;
use std::fmt;

/// One product that fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductFit {
    /// Product name.
    pub product: String,
    /// Memory of one GPU as its label says, in MiB.
    pub memory_mib: u64,
    /// Nodes that have it.
    pub nodes: u32,
    /// GPUs on these nodes.
    pub gpus: u32,
}

/// A card and how much a program can have on it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Card {
    /// Product name.
    pub product: String,
    /// Memory as the label says, in MiB.
    pub memory_mib: u64,
    /// What a program can have, in MiB; the label itself where the product is not in the catalogue.
    pub usable_mib: u64,
}

/// Where a need fits.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fits {
    /// The need, in MiB.
    pub required_mib: u64,
    /// Products that fit, smallest first.
    pub products: Vec<ProductFit>,
    /// The largest card that the node selector allows, fitting or not.
    pub largest: Option<Card>,
    /// Nodes passed over since the memory of their GPUs cannot be told from their labels.
    pub unreadable: u32,
}

impl Fits {
    /// Whether there is a card large enough, free or not.
    pub fn any(&self) -> bool {
        !self.products.is_empty()
    }
}

impl fmt::Display for Fits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.products.first(), &self.largest) {
            (Some(_), _) => {
                let names: Vec<_> = self
                    .products
                    .iter()
                    .map(|p| format!("{} ({}x)", p.product.trim_start_matches("NVIDIA-"), p.gpus))
                    .collect();
                write!(f, "{}", names.join(", "))
            }
            (None, Some(Card { product, memory_mib, usable_mib })) => {
                write!(
                    f,
                    "NoFit: needs {} MiB, largest is {product} with {memory_mib} MiB",
                    self.required_mib
                )?;
                if usable_mib == memory_mib { Ok(()) } else { write!(f, ", {usable_mib} of them usable") }
            }
            (None, None) => {
                write!(f, "NoFit: no GPU node with a readable {} label", flotilla_crds::labels::GPU_MEMORY)
            }
        }
    }
}

/// Finds every product on which a program can have `required_mib` per GPU, among the nodes that carry
/// `node_selector`.
pub fn find_fits(inventory: &Inventory, required_mib: u64, node_selector: &BTreeMap<String, String>) -> Fits {
    let mut products: BTreeMap<(u64, &str), ProductFit> = BTreeMap::new();
    let mut largest: Option<Card> = None;
    let mut unreadable = 0;
    let selected =
        |labels: &BTreeMap<String, String>| node_selector.iter().all(|(k, v)| labels.get(k) == Some(v));
    for node in inventory.nodes.iter().filter(|node| selected(&node.labels)) {
        let GpuMemory::Mib(memory_mib) = node.memory else {
            unreadable += 1;
            continue;
        };
        let usable_mib = usable_mib(&node.product, memory_mib).unwrap_or(memory_mib);
        if largest.as_ref().is_none_or(|most| usable_mib > most.usable_mib) {
            largest = Some(Card { product: node.product.clone(), memory_mib, usable_mib });
        }
        if usable_mib < required_mib {
            continue;
        }
        let fit = products.entry((memory_mib, &node.product)).or_insert_with(|| ProductFit {
            product: node.product.clone(),
            memory_mib,
            nodes: 0,
            gpus: 0,
        });
        fit.nodes += 1;
        fit.gpus += node.gpus;
    }
    Fits { required_mib, products: products.into_values().collect(), largest, unreadable }
}

#[cfg(test)]
mod tests {
    use super::super::GpuNode;
    use super::*;

    fn inventory() -> Inventory {
        let node = |name: &str, product: &str, memory, gpus, zone: &str| GpuNode {
            name: name.to_owned(),
            product: product.to_owned(),
            memory,
            gpus,
            labels: BTreeMap::from([("zone".to_owned(), zone.to_owned())]),
        };
        Inventory {
            nodes: vec![
                node("a", "RTX-4090", GpuMemory::Mib(24_564), 2, "z1"),
                node("b", "RTX-3060", GpuMemory::Mib(12_288), 1, "z1"),
                node("c", "RTX-4090", GpuMemory::Mib(24_564), 2, "z2"),
                node("d", "mystery", GpuMemory::Unknown, 8, "z1"),
            ],
        }
    }

    #[test]
    fn all_nodes_count_and_the_smallest_product_comes_first() {
        let fits = find_fits(&inventory(), 10_000, &BTreeMap::new());
        let found: Vec<_> = fits.products.iter().map(|p| (p.product.as_str(), p.nodes, p.gpus)).collect();
        assert_eq!(found, [("RTX-3060", 1, 1), ("RTX-4090", 2, 4)]);
        assert_eq!(fits.to_string(), "RTX-3060 (1x), RTX-4090 (4x)");
        assert_eq!(fits.unreadable, 1);
    }

    #[test]
    fn a_card_of_exactly_the_need_fits_and_one_mib_less_does_not() {
        assert!(find_fits(&inventory(), 24_564, &BTreeMap::new()).any());
        let fits = find_fits(&inventory(), 24_565, &BTreeMap::new());
        assert!(!fits.any());
        assert_eq!(fits.to_string(), "NoFit: needs 24565 MiB, largest is RTX-4090 with 24564 MiB");
    }

    #[test]
    fn the_memory_that_the_driver_keeps_of_a_known_card_does_not_count() {
        let mut inventory = inventory();
        for node in &mut inventory.nodes {
            node.product = format!("NVIDIA-GeForce-{}", node.product);
        }
        assert!(find_fits(&inventory, 24_080, &BTreeMap::new()).any());
        let fits = find_fits(&inventory, 24_081, &BTreeMap::new());
        assert_eq!(
            fits.to_string(),
            "NoFit: needs 24081 MiB, largest is NVIDIA-GeForce-RTX-4090 with 24564 MiB, 24080 of them usable"
        );
    }

    #[test]
    fn the_node_selector_limits_the_search() {
        let zone = |zone: &str| BTreeMap::from([("zone".to_owned(), zone.to_owned())]);
        assert_eq!(find_fits(&inventory(), 20_000, &zone("z1")).products[0].gpus, 2);
        assert_eq!(find_fits(&inventory(), 1, &zone("z3")).largest, None);
    }
}
