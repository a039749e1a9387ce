//! Nodes that are alike for a replica: a cluster has thousands of nodes and a few dozen kinds of them.

use super::{GpuNode, Inventory};
use parking_lot::Mutex;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// The labels that a node must have.
type Selector = BTreeMap<String, String>;

/// Selectors that are remembered; a fleet has a few.
const SELECTORS: usize = 64;

/// Nodes that differ in nothing but names, labels and how many of the GPUs that `nvidia.com/gpu` counts pods have, and that
/// a selector lets in, or leaves out.
#[derive(Debug, Clone, Copy)]
pub(super) struct Alike<'a> {
    /// The first of them.
    pub(super) node: &'a GpuNode,
    /// On how many of them pods have how many GPUs, each number once.
    pub(super) in_use: &'a [InUse],
    /// Whether the selector lets them in.
    pub(super) selected: bool,
}

/// So many nodes on each of which pods have so many GPUs.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct InUse {
    pub(super) used: u32,
    pub(super) nodes: u32,
}

/// What was found for the selectors of late. It belongs to one list of nodes that does not change any more.
#[derive(Debug, Default)]
pub(super) struct Found(Mutex<BTreeMap<Selector, Arc<[Kind]>>>);

/// The kinds of nodes of an inventory, in the order of their first ones.
pub(super) struct Kinds<'a> {
    nodes: &'a [GpuNode],
    kinds: Arc<[Kind]>,
}

/// As [`Alike`], with the place of the first one.
#[derive(Debug)]
struct Kind {
    first: usize,
    in_use: Vec<InUse>,
    selected: bool,
}

impl Alike<'_> {
    /// How many there are.
    pub(super) fn nodes(&self) -> u32 {
        self.sum(|_| 1)
    }

    /// The sum over all of them of what comes of the GPUs that pods have on one.
    pub(super) fn sum(&self, of: impl Fn(u32) -> u32) -> u32 {
        let parts = self.in_use.iter().map(|in_use| of(in_use.used).saturating_mul(in_use.nodes));
        parts.fold(0, u32::saturating_add)
    }
}

impl Kinds<'_> {
    /// One after the other.
    pub(super) fn iter(&self) -> impl Iterator<Item = Alike<'_>> {
        self.kinds.iter().filter_map(|kind| {
            let Kind { first, in_use, selected } = kind;
            Some(Alike { node: self.nodes.get(*first)?, in_use, selected: *selected })
        })
    }
}

impl Inventory {
    /// The kinds of nodes for a selector, in the order of the first one of each.
    pub(super) fn alike(&self, selector: &Selector) -> Kinds<'_> {
        let found = self.found.0.lock().get(selector).cloned();
        let kinds = found.unwrap_or_else(|| {
            let kinds: Arc<[Kind]> = kinds(&self.nodes, selector).into();
            let mut found = self.found.0.lock();
            if found.len() >= SELECTORS {
                found.clear();
            }
            found.insert(selector.clone(), kinds.clone());
            kinds
        });
        Kinds { nodes: &self.nodes, kinds }
    }
}

fn kinds(nodes: &[GpuNode], selector: &Selector) -> Vec<Kind> {
    let mut kinds: Vec<Kind> = Vec::new();
    // Most nodes that differ do so in one of these.
    let mut like: HashMap<(&str, u32, bool), Vec<usize>> = HashMap::new();
    for (place, node) in nodes.iter().enumerate() {
        let selected = selector.iter().all(|(key, value)| node.labels.get(key) == Some(value));
        let candidates = like.entry((&node.product, node.gpus, selected)).or_default();
        let same = candidates.iter().find(|kind| {
            kinds.get(**kind).and_then(|kind| nodes.get(kind.first)).is_some_and(|first| first.is_like(node))
        });
        if let Some(kind) = same.and_then(|kind| kinds.get_mut(*kind)) {
            kind.add(node.used);
        } else {
            candidates.push(kinds.len());
            let mut kind = Kind { first: place, in_use: Vec::new(), selected };
            kind.add(node.used);
            kinds.push(kind);
        }
    }
    kinds
}

impl Kind {
    /// One more node, on which pods have so many GPUs.
    fn add(&mut self, used: u32) {
        match self.in_use.iter_mut().find(|in_use| in_use.used == used) {
            Some(in_use) => in_use.nodes = in_use.nodes.saturating_add(1),
            None => self.in_use.push(InUse { used, nodes: 1 }),
        }
    }
}

impl GpuNode {
    /// Whether both offer the same, and keep out the same; free or not.
    fn is_like(&self, other: &Self) -> bool {
        let Self {
            name: _,
            labels: _,
            product,
            memory,
            usable_mib,
            gpus,
            used: _,
            sharing,
            partitioned,
            partitions,
            devices,
            taints,
        } = self;
        (gpus, memory, usable_mib) == (&other.gpus, &other.memory, &other.usable_mib)
            && (product, sharing, partitioned) == (&other.product, &other.sharing, &other.partitioned)
            && (partitions, devices, taints) == (&other.partitions, &other.devices, &other.taints)
    }
}

#[cfg(test)]
mod tests {
    use super::super::testing::{inventory, node, takes, with};
    use super::super::{Ask, Fits, Mode, ProductFit, find_fits};
    use super::*;
    use k8s_openapi::api::core::v1::{Node, Taint};
    use proptest::prelude::*;

    fn selector(pool: &str) -> Selector {
        Selector::from([("pool".to_owned(), pool.to_owned())])
    }

    #[test]
    fn nodes_are_told_apart_by_what_they_offer_and_whether_they_are_let_in() {
        let of = |name: &str, pool: &str, memory| with(node(name, "NVIDIA-L4", memory, 4), "pool", pool);
        let nodes = [of("a", "x", 23_034), of("b", "y", 23_034), of("c", "x", 23_034), of("d", "x", 22_000)];
        let cluster = inventory(&nodes, &[takes("c", 1)]);
        let kinds = |selector: &Selector| {
            let in_use = |kind: &Alike<'_>| kind.in_use.iter().map(|u| (u.used, u.nodes)).collect::<Vec<_>>();
            let told = |kind: Alike<'_>| (kind.node.name.clone(), kind.nodes(), in_use(&kind), kind.selected);
            cluster.alike(selector).iter().map(told).collect::<Vec<_>>()
        };
        let told = |name: &str, in_use: &[_], selected| {
            (name.to_owned(), in_use.iter().map(|(_, nodes)| nodes).sum(), in_use.to_vec(), selected)
        };
        let of_all = [told("a", &[(0, 2), (1, 1)], true), told("d", &[(0, 1)], true)];
        assert_eq!(kinds(&Selector::new()), of_all);
        let in_x =
            [told("a", &[(0, 1), (1, 1)], true), told("b", &[(0, 1)], false), told("d", &[(0, 1)], true)];
        assert_eq!(kinds(&selector("x")), in_x);
        assert_eq!(kinds(&selector("x")), in_x, "as remembered");
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let cluster = inventory(&[node("a", "NVIDIA-L4", 23_034, 4)], &[]);
        for pool in 0..3 * SELECTORS {
            assert_eq!(cluster.alike(&selector(&pool.to_string())).iter().count(), 1);
            assert!(cluster.found.0.lock().len() <= SELECTORS);
        }
    }

    /// What one node after the other says, put together.
    fn one_by_one(cluster: &Inventory, ask: &Ask<'_>) -> Fits {
        let mut all = Fits { required_mib: ask.required_mib, gpus: ask.gpus, ..Fits::default() };
        let mut products: BTreeMap<String, ProductFit> = BTreeMap::new();
        for node in &cluster.nodes {
            let alone = Inventory { nodes: vec![node.clone()], ..Inventory::default() };
            let fits = find_fits(&alone, ask, &Mode::NodeLabels);
            all.room += fits.room;
            all.closed += fits.closed;
            for (why, nodes) in &fits.passed_over {
                *all.passed_over.entry(why.clone()).or_default() += nodes;
            }
            let usable = |fits: &Fits| fits.largest.as_ref().map(|card| card.usable_mib);
            if usable(&fits) > usable(&all) {
                all.largest = fits.largest;
            }
            for fit in fits.products {
                let ProductFit { nodes, gpus, free, memory_mib, .. } = fit;
                let sum = products.entry(fit.product.clone()).or_insert(ProductFit {
                    nodes: 0,
                    gpus: 0,
                    free: 0,
                    ..fit
                });
                (sum.nodes, sum.gpus, sum.free) = (sum.nodes + nodes, sum.gpus + gpus, sum.free + free);
                sum.memory_mib = sum.memory_mib.min(memory_mib);
            }
        }
        all.products = products.into_values().collect();
        all.products.sort_by(|a, b| (a.memory_mib, &a.product).cmp(&(b.memory_mib, &b.product)));
        all
    }

    prop_compose! {
        fn any_node()(
            (name, product) in (0..1000_u32, prop::sample::select(vec!["NVIDIA-L4", "NVIDIA-A10", "NVIDIA-A100"])),
            memory in prop::sample::select(vec![0_u64, 15_000, 23_000, 23_000_000]),
            (gpus, used) in (1..4_u32, 0..4_u32),
            pool in prop::sample::select(vec!["x", "y"]),
            taint in prop::sample::select(vec!["", "team", "node.kubernetes.io/not-ready"]),
        ) -> (Node, u32) {
            let mut node = with(node(&format!("n{name}"), product, memory, gpus), "pool", pool);
            if !taint.is_empty() {
                let taint = Taint { key: taint.to_owned(), effect: "NoSchedule".to_owned(), ..Taint::default() };
                node.spec.get_or_insert_default().taints = Some(vec![taint]);
            }
            (node, used)
        }
    }

    proptest! {
        #[test]
        fn kinds_say_what_every_node_says(
            nodes in prop::collection::vec(any_node(), 0..40),
            (required_mib, gpus) in (10_000..30_000_u64, 1..3_u32),
            pool in prop::option::of(prop::sample::select(vec!["x", "y"])),
        ) {
            let usage: Vec<_> =
                nodes.iter().map(|(node, used)| takes(node.metadata.name.as_ref().unwrap(), *used)).collect();
            let nodes: Vec<_> = nodes.into_iter().map(|(node, _)| node).collect();
            let cluster = inventory(&nodes, &usage);
            let selector = pool.map(selector).unwrap_or_default();
            let ask = Ask { gpus, node_selector: &selector, ..Ask::of(None, required_mib) };
            prop_assert_eq!(find_fits(&cluster, &ask, &Mode::NodeLabels), one_by_one(&cluster, &ask));
        }
    }
}
