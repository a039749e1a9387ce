//! The products of the cluster that can hold a replica, how many of them are free, and what was passed over.

use super::alike::Alike;
use super::offer::{Offer, offers};
use super::taint::{Door, door};
use super::{Ask, Inventory, Mode, SHARERS};
use k8s_openapi::api::core::v1::Taint;
use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fmt;

/// One product that fits, on the nodes that take pods.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductFit {
    /// Product name.
    pub product: String,
    /// Memory of one GPU as its label says, in MiB; of several amounts the least.
    pub memory_mib: u64,
    /// Nodes that have it.
    pub nodes: u32,
    /// GPUs, or shares of them, on these nodes.
    pub gpus: u32,
    /// Of these, those that no pod has.
    pub free: u32,
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

/// Why a node was passed over, though its GPUs may be large enough.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum PassedOver {
    /// The memory label is absent, or no number.
    Unreadable,
    /// The memory label is in bytes.
    InBytes,
    /// Pods share its GPUs, and the replica asks for whole ones.
    Shared,
    /// It hands out whole GPUs, and the replica asks for a share.
    Whole,
    /// Pods share its GPUs, and how many do is not known, or too many.
    Sharers,
    /// Its GPUs are partitioned.
    Partitioned,
    /// The node selector leaves it out.
    Selector,
    /// The list of products leaves it out.
    Product,
    /// It has fewer GPUs than a replica takes.
    TooFew,
    /// It has a taint that the replica does not tolerate.
    Taint(String),
}

impl PassedOver {
    fn say(&self, nodes: u32) -> String {
        let what = match self {
            Self::Unreadable => "without a readable nvidia.com/gpu.memory label".to_owned(),
            Self::InBytes => {
                "with nvidia.com/gpu.memory in bytes (update GPU feature discovery, which writes MiB)"
                    .to_owned()
            }
            Self::Shared => "whose GPUs pods share (spec.placement.sharing: Shared takes a share)".to_owned(),
            Self::Whole => "without shared GPUs".to_owned(),
            Self::Sharers => {
                format!("whose nvidia.com/gpu.replicas label is absent or above {}", SHARERS.end())
            }
            Self::Partitioned => "whose GPUs are partitioned".to_owned(),
            Self::Selector => "that spec.placement.nodeSelector leaves out".to_owned(),
            Self::Product => "that spec.placement.gpuProducts leaves out".to_owned(),
            Self::TooFew => "with fewer GPUs than spec.placement.gpusPerReplica".to_owned(),
            Self::Taint(taint) => format!("with the taint {taint}, which spec.placement.tolerations lacks"),
        };
        format!("{nodes} {what}")
    }
}

/// Where a replica fits.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Fits {
    /// The need of each GPU, in MiB.
    pub required_mib: u64,
    /// GPUs that one replica takes.
    pub gpus: u32,
    /// Products that fit on nodes that take pods, smallest first.
    pub products: Vec<ProductFit>,
    /// Replicas that could be added now.
    pub room: u32,
    /// Nodes that would do, and are cordoned or not ready.
    pub closed: u32,
    /// The largest card that may be taken, fitting or not.
    pub largest: Option<Card>,
    /// Nodes that do not come into question, by cause.
    pub passed_over: BTreeMap<PassedOver, u32>,
}

impl Fits {
    /// Whether there is a card large enough on a node that takes pods, free or not.
    pub fn any(&self) -> bool {
        !self.products.is_empty()
    }

    /// What was passed over, in a sentence; empty if nothing was.
    pub fn omissions(&self) -> String {
        let said: Vec<_> = self.passed_over.iter().map(|(why, nodes)| why.say(*nodes)).collect();
        if said.is_empty() { String::new() } else { format!("nodes passed over: {}", said.join(", ")) }
    }
}

impl fmt::Display for Fits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.products.first(), &self.largest) {
            (Some(_), _) => {
                let name = |p: &ProductFit| {
                    format!("{} ({} of {} free)", p.product.trim_start_matches("NVIDIA-"), p.free, p.gpus)
                };
                let names: Vec<_> = self.products.iter().map(name).collect();
                write!(f, "{}", names.join(", "))
            }
            (None, _) if self.closed > 0 => {
                write!(f, "NoFreeGPU: {} nodes that fit take no pods now", self.closed)
            }
            (None, Some(Card { product, memory_mib, usable_mib })) => {
                write!(
                    f,
                    "NoFit: needs {} MiB, largest is {product} with {memory_mib} MiB",
                    self.required_mib
                )?;
                if usable_mib == memory_mib { Ok(()) } else { write!(f, ", {usable_mib} of them usable") }
            }
            (None, None) => write!(f, "NoFit: no GPU that may be taken"),
        }
    }
}

/// What one offer means for a replica.
enum Look {
    /// Its GPUs hold the need.
    Fits,
    /// They hold it, and take no pods now.
    Closed,
    /// They are too small.
    TooSmall,
    /// Something else is against it.
    Passed(PassedOver),
    /// Too small, and something else is against it, too.
    Ignored,
}

/// Finds every product on which a program can have what a replica asks for, in one mode.
pub fn find_fits(inventory: &Inventory, ask: &Ask<'_>, mode: &Mode) -> Fits {
    let mut fits = Fits { required_mib: ask.required_mib, gpus: ask.gpus, ..Fits::default() };
    let mut products: BTreeMap<Cow<'_, str>, ProductFit> = BTreeMap::new();
    let kinds = inventory.alike(ask.node_selector);
    // One room for all kinds: every model looks at each of them whenever a pod comes or goes.
    let (mut offered, mut free, mut counted) = (Vec::new(), Vec::new(), Vec::<Cow<'_, str>>::new());
    for kind in kinds.iter() {
        let (Alike { node, selected, .. }, nodes) = (kind, kind.nodes());
        let (mut closed, mut passed) = (false, None);
        free.clear();
        counted.clear();
        offers(node, ask, mode, &mut offered);
        for offer in offered.drain(..) {
            let offer = match offer {
                Ok(offer) => offer,
                Err(why) => {
                    passed = selected.then_some(why).or(passed);
                    continue;
                }
            };
            match look(&offer, &node.taints, selected, ask) {
                Look::Fits => {
                    free.push((offer.gpus, offer.free));
                    let first = !counted.contains(&offer.product);
                    if first {
                        counted.push(offer.product.clone());
                    }
                    fits.see(&offer);
                    add(&mut products, offer, first, &kind);
                }
                Look::Closed => {
                    closed = true;
                    fits.see(&offer);
                }
                Look::TooSmall => fits.see(&offer),
                Look::Passed(why) => passed = Some(why),
                Look::Ignored => {}
            }
        }
        fits.room = fits.room.saturating_add(kind.sum(|used| {
            let on_one = free.iter().map(|(gpus, free)| free.on(*gpus, used));
            on_one.fold(0, u32::saturating_add) / ask.gpus.max(1)
        }));
        if counted.is_empty() {
            fits.closed = fits.closed.saturating_add(if closed { nodes } else { 0 });
            if let Some(why) = passed.filter(|_| !closed) {
                let passed_over = fits.passed_over.entry(why).or_default();
                *passed_over = passed_over.saturating_add(nodes);
            }
        }
    }
    fits.products = products.into_values().collect();
    fits.products.sort_by(|a, b| (a.memory_mib, &a.product).cmp(&(b.memory_mib, &b.product)));
    fits
}

/// Adds the offer of nodes that are alike to its product; `first` says whether it is their first of that product.
fn add<'a>(
    products: &mut BTreeMap<Cow<'a, str>, ProductFit>,
    offer: Offer<'a>,
    first: bool,
    kind: &Alike<'_>,
) {
    let Offer { product, memory_mib, gpus, free, .. } = offer;
    let nodes = kind.nodes();
    let empty =
        |product: &str| ProductFit { product: product.to_owned(), memory_mib, nodes: 0, gpus: 0, free: 0 };
    let fit = products.entry(product).or_insert_with_key(|product| empty(product));
    fit.memory_mib = fit.memory_mib.min(memory_mib);
    fit.nodes = fit.nodes.saturating_add(if first { nodes } else { 0 });
    fit.gpus = fit.gpus.saturating_add(gpus.saturating_mul(nodes));
    fit.free = fit.free.saturating_add(kind.sum(|used| free.on(gpus, used)));
}

impl Fits {
    fn see(&mut self, offer: &Offer<'_>) {
        if self.largest.as_ref().is_none_or(|most| offer.usable_mib > most.usable_mib) {
            let Offer { product, memory_mib, usable_mib, .. } = offer;
            let product = product.clone().into_owned();
            self.largest = Some(Card { product, memory_mib: *memory_mib, usable_mib: *usable_mib });
        }
    }
}

/// The order of the questions is that of what a person would change first.
fn look(offer: &Offer<'_>, taints: &[Taint], selected: bool, ask: &Ask<'_>) -> Look {
    let door = door(taints, ask.tolerations);
    let against = if !selected {
        Some(PassedOver::Selector)
    } else if offer.against == Some(PassedOver::Partitioned) {
        Some(PassedOver::Partitioned)
    } else if !ask.takes(&offer.product) {
        Some(PassedOver::Product)
    } else if let Some(why) = &offer.against {
        Some(why.clone())
    } else if offer.gpus < ask.gpus {
        Some(PassedOver::TooFew)
    } else if let Door::Barred(taint) = door {
        Some(PassedOver::Taint(name_of(taint)))
    } else {
        None
    };
    match (against, offer.usable_mib >= ask.required_mib) {
        (Some(why), true) => Look::Passed(why),
        (Some(_), false) => Look::Ignored,
        (None, false) => Look::TooSmall,
        (None, true) if door == Door::Closed || offer.closed => Look::Closed,
        (None, true) => Look::Fits,
    }
}

fn name_of(taint: &Taint) -> String {
    let value = taint.value.as_ref().filter(|value| !value.is_empty());
    let value = value.map_or_else(String::new, |value| format!("={value}"));
    format!("{}{value}:{}", taint.key, taint.effect)
}
