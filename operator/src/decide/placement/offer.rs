//! What a node hands out in each mode.

use super::fits::PassedOver;
use super::taint::{Door, door};
use super::{Ask, Device, GpuMemory, GpuNode, Mode, SHARERS, Sharing, share_request_mib};
use std::borrow::Cow;
use std::collections::BTreeMap;

/// GPUs of one kind on one node, as one mode hands them out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Offer<'a> {
    pub(super) product: Cow<'a, str>,
    /// Of one, as far as one replica may have it, in MiB.
    pub(super) memory_mib: u64,
    /// Likewise: what a program can have of that.
    pub(super) usable_mib: u64,
    /// GPUs, or shares of them.
    pub(super) gpus: u32,
    /// Of these, those that no pod has.
    pub(super) free: Free,
    /// What is against taking them.
    pub(super) against: Option<PassedOver>,
    /// Whether claims are kept off them at present.
    pub(super) closed: bool,
}

/// GPUs that no pod has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Free {
    /// So many on each of nodes that are alike.
    Each(u32),
    /// What pods leave, which [`super::alike::InUse`] tells for each.
    Left,
}

impl Free {
    /// Out of `gpus`, on a node on which pods have `used` of those that `nvidia.com/gpu` counts.
    pub(super) const fn on(self, gpus: u32, used: u32) -> u32 {
        match self {
            Self::Each(free) => free,
            Self::Left => gpus.saturating_sub(used),
        }
    }
}

/// Adds what a node offers in a mode; an error says why its memory is not known.
pub(super) fn offers<'a>(
    node: &'a GpuNode,
    ask: &Ask<'_>,
    mode: &Mode,
    found: &mut Vec<Result<Offer<'a>, PassedOver>>,
) {
    match mode {
        Mode::NodeLabels if node.gpus > 0 => {
            found.push(labelled(node, ask, node.partitioned.then_some(PassedOver::Partitioned)));
        }
        Mode::Mig { profile: None } if node.gpus > 0 && node.partitioned => {
            found.push(labelled(node, ask, None));
        }
        Mode::Mig { profile: Some(profile) } => found.extend(partitions(node, ask, profile)),
        Mode::Dra => found.extend(devices(&node.devices, ask).map(Ok)),
        Mode::NodeLabels | Mode::Mig { .. } => {}
    }
}

/// GPUs that `nvidia.com/gpu` counts.
fn labelled<'a>(node: &'a GpuNode, ask: &Ask<'_>, kind: Option<PassedOver>) -> Result<Offer<'a>, PassedOver> {
    let (memory_mib, usable_mib) = known(node.memory, node.usable_mib)?;
    let sharers = match (node.sharing, ask.shared) {
        (Sharing::Exclusive, false) => Ok(1),
        (Sharing::Exclusive, true) => Err(PassedOver::Whole),
        (Sharing::Shared(_), false) => Err(PassedOver::Shared),
        (Sharing::Shared(sharers), true) => {
            sharers.filter(|sharers| SHARERS.contains(sharers)).ok_or(PassedOver::Sharers)
        }
    };
    let parts = u64::from(*sharers.as_ref().unwrap_or(&1));
    Ok(Offer {
        product: Cow::Borrowed(&node.product),
        memory_mib: memory_mib / parts,
        usable_mib: usable_mib / parts,
        gpus: node.gpus,
        free: Free::Left,
        against: kind.or(sharers.err()),
        closed: false,
    })
}

fn partitions<'a>(
    node: &'a GpuNode,
    ask: &Ask<'_>,
    profile: &str,
) -> impl Iterator<Item = Result<Offer<'a>, PassedOver>> {
    let of_profile = node.partitions.iter().filter(move |partition| partition.profile == profile);
    let shared = ask.shared;
    let offer = move |partition: &super::Partition| {
        let memory = match partition.memory {
            GpuMemory::Mib(mib) => Some(mib),
            GpuMemory::Unknown | GpuMemory::LabelledInBytes => None,
        };
        let (memory_mib, usable_mib) = known(partition.memory, memory)?;
        Ok(Offer {
            product: Cow::Owned(format!("{}-MIG-{profile}", node.product)),
            memory_mib,
            // A partition is cut out of what the driver leaves: a program sees all of it.
            usable_mib,
            gpus: partition.count,
            free: Free::Each(partition.count.saturating_sub(partition.used)),
            against: shared.then_some(PassedOver::Whole),
            closed: false,
        })
    };
    of_profile.map(offer)
}

fn known(memory: GpuMemory, usable_mib: Option<u64>) -> Result<(u64, u64), PassedOver> {
    match (memory, usable_mib) {
        (GpuMemory::Mib(memory), Some(usable)) => Ok((memory, usable)),
        (GpuMemory::LabelledInBytes, _) => Err(PassedOver::InBytes),
        _ => Err(PassedOver::Unreadable),
    }
}

/// Devices of one product together. Of devices that claims share, the shares that are left are counted.
fn devices<'a>(devices: &'a [Device], ask: &Ask<'_>) -> impl Iterator<Item = Offer<'a>> {
    let mut offers: BTreeMap<(&str, u64, bool, bool), (Offer<'_>, u32)> = BTreeMap::new();
    let share_mib = share_request_mib(ask.required_mib).max(1);
    for device in devices {
        let closed = door(&device.taints, &[]) != Door::Open;
        let key = (device.product.as_str(), device.memory_mib, device.shareable, closed);
        let (offer, free_so_far) = offers.entry(key).or_insert_with(|| {
            let against = match (device.shareable, ask.shared) {
                (true, false) => Some(PassedOver::Shared),
                (false, true) => Some(PassedOver::Whole),
                _ => None,
            };
            let (memory_mib, usable_mib) = (device.memory_mib, device.usable_mib);
            let (product, free) = (Cow::Borrowed(device.product.as_str()), Free::Each(0));
            (Offer { product, memory_mib, usable_mib, gpus: 0, free, against, closed }, 0)
        });
        let (gpus, free) = if ask.shared {
            let shares = |mib: u64| u32::try_from(mib / share_mib).unwrap_or(u32::MAX);
            (shares(device.memory_mib), shares(device.left_mib()))
        } else {
            (1, u32::from(device.is_free()))
        };
        offer.gpus = offer.gpus.saturating_add(gpus);
        *free_so_far = free_so_far.saturating_add(free);
    }
    offers.into_values().map(|(offer, free)| Offer { free: Free::Each(free), ..offer })
}
