//! The members of a group that take part in a decision.

use super::board::{Board, mode, present};
use super::member::{Member, There};
use super::pools::{Wants, share};
use super::{Pods, Reported, Targets};
use crate::decide::placement::Inventory;
use crate::decide::scale::{Asked, Book, Capacity, Engines, Supply, Tokens, Variant};
use crate::routing_policy::ObjectKey;
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::ScalingMode;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;

/// An object, its name, the replicas that were decided last, its pods and what is asked of it.
pub(super) type Given<'a> = (&'a ModelDeployment, ObjectKey, Option<i32>, &'a Pods<'a>, Said);

/// What routers and engines say of one object.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Said {
    pub(super) routers: Option<Reported>,
    pub(super) engines: Option<Engines>,
}

/// What is the same for all models.
#[derive(Clone, Copy)]
pub(super) struct Around<'a> {
    pub(super) inventory: &'a Arc<Inventory>,
    pub(super) targets: &'a Targets,
    /// What was decided last.
    pub(super) board: &'a Board,
}

/// A member of whom enough is known, in one pass.
pub(super) struct Part<'a> {
    pub(super) object: &'a ModelDeployment,
    /// Where its member is.
    pub(super) place: usize,
    /// Replicas that it is to have by what was decided or, in other modes than Active, set last.
    pub(super) replicas: u32,
    pub(super) pods: &'a Pods<'a>,
    pub(super) said: Said,
}

impl Part<'_> {
    pub(super) fn is(&self, other: ScalingMode) -> bool {
        mode(self.object) == Some(other)
    }

    /// What there would be if what was decided before were carried out, while there is `supply`: without it the same
    /// decision would be made again and again, and a replica at most would ever be found to be too many. Those that
    /// would not be there have their GPUs all the same.
    fn advised(
        &self,
        member: &Member,
        supply: Supply,
        start: SignedDuration,
        now: Timestamp,
    ) -> Option<Supply> {
        let advised = self.pods.supply(member.advised(self.object.spec.replicas)?, start, now);
        let may_stay = advised.may_stay + supply.loading.saturating_sub(advised.loading);
        Some(Supply { draining: 0, may_stay, ..advised })
    }

    /// What the decision may do with it. Beside others that are scaled, one whose number is set stays as it is.
    fn variant(&self, member: &Member, capacity: Capacity, supply: Supply, any_active: bool) -> Variant {
        let scaling = self.object.spec.scaling.as_ref();
        let most = scaling.map_or(0, |scaling| scaling.max_replicas);
        let least = scaling.and_then(|scaling| scaling.min_replicas).unwrap_or(1).min(most);
        let is_set = any_active && !self.is(ScalingMode::Active);
        let (min_replicas, max_replicas) =
            if is_set { (self.replicas, self.replicas) } else { (least, most) };
        Variant {
            capacity,
            hourly_cost: member.price().map_or(f64::NAN, |price| price.hourly.0 as f64),
            min_replicas,
            max_replicas,
            supply,
            room: Some(member.room()),
            gpus: member.gpus(),
            pool: None,
        }
    }

    /// GPUs that its pods will take and that may still count as free. Instead of a pod that is not there yet one that
    /// is marked stays.
    fn claimed(&self, variant: &Variant) -> u32 {
        let Supply { pending, stuck, .. } = variant.supply;
        let claimed = pending.saturating_sub(stuck).saturating_sub(self.pods.marked);
        claimed.saturating_add(self.pods.placed).saturating_mul(variant.gpus)
    }
}

/// Those of whom enough is known.
pub(super) fn take_part<'a>(
    members: &mut [Member],
    given: Vec<Given<'a>>,
    around: Around<'_>,
    book: &mut Book,
) -> Vec<Part<'a>> {
    let mut parts = Vec::with_capacity(given.len());
    for (object, key, decided, pods, said) in given {
        let Some((place, member)) = members.iter_mut().enumerate().find(|(_, member)| member.key == key)
        else {
            continue;
        };
        if !member.refresh(object, around.inventory, pods) {
            continue;
        }
        member.recall(object, book);
        let replicas = match mode(object) {
            Some(ScalingMode::Active) => decided.unwrap_or_else(|| present(object)),
            _ => object.spec.replicas,
        };
        parts.push(Part { object, place, replicas: u32::try_from(replicas).unwrap_or(0), pods, said });
    }
    parts
}

/// What there is of the members that take part, and what is asked of them; in their order.
#[derive(Default)]
pub(super) struct Looked {
    /// Of all of them together.
    pub(super) asked: Option<Asked>,
    /// Tokens per second that each one served.
    pub(super) served: Vec<Tokens>,
    /// Their replicas, and what one can do.
    pub(super) there: Vec<(Capacity, Supply)>,
    /// What the decision may do with each.
    pub(super) variants: Vec<Variant>,
    /// Replicas that have waited for a node for long where there is one member alone.
    pub(super) stuck: u32,
    /// Of all members, replicas that fail.
    pub(super) failing: u32,
}

pub(super) fn look(
    members: &mut [Member],
    parts: &[Part<'_>],
    start: SignedDuration,
    book: &mut Book,
    now: Timestamp,
) -> Looked {
    let any_active = parts.iter().any(|part| part.is(ScalingMode::Active));
    let mut looked = Looked::default();
    let mut variants = Vec::with_capacity(parts.len());
    for part in parts {
        let Some(member) = members.get_mut(part.place) else { continue };
        let supply = part.pods.supply(part.replicas, start, now);
        let asked = member.asked(part.said.routers, part.said.engines, supply.ready, now);
        if let Some(asked) = &asked {
            member.learn(asked, supply.ready, book, now);
            looked.asked = Some(looked.asked.map_or(*asked, |sum| sum.plus(asked)));
        }
        looked.served.push(asked.map(|asked| asked.served).unwrap_or_default());
        // Who takes part has facts.
        let Some(capacity) = member.capacity(book) else { continue };
        looked.there.push((capacity, supply));
        let advised = || part.advised(member, supply, start, now);
        let mut supply = if any_active { supply } else { advised().unwrap_or(supply) };
        looked.failing += supply.failing;
        if parts.len() == 1 {
            // Nobody steps in for what waits for a node, or where every replica fails.
            looked.stuck = std::mem::take(&mut supply.stuck);
            if supply.ready == 0 {
                supply.failing = 0;
            }
        }
        variants.push((part, part.variant(member, capacity, supply, any_active)));
    }
    let products = |part: &Part<'_>| members.get(part.place).map(Member::products).unwrap_or_default();
    let wants = variants.into_iter().map(|(part, variant)| {
        let claimed = part.claimed(&variant);
        Wants { variant, products: products(part), claimed }
    });
    looked.variants = share(wants.collect());
    looked
}

/// Members that serve, and how many replicas do; nobody asks where there is only one.
pub(super) fn serving(parts: &[Part<'_>], members: &[Member]) -> Vec<(ObjectKey, u32)> {
    let several = if parts.len() > 1 { parts } else { &[] };
    let serve = several.iter().filter(|part| part.pods.ready > 0);
    serve.filter_map(|part| Some((members.get(part.place)?.key.clone(), part.pods.ready))).collect()
}

/// What whoever sends requests to a member has to expect. A member without a replica is no reason to go outside where
/// each policy that would has another member that serves, which takes them: the dearer ones are at zero by design.
pub(super) fn there_for(
    member: &Member,
    pods: &Pods<'_>,
    desired: u32,
    serving: &[(ObjectKey, u32)],
    targets: &Targets,
) -> There {
    let own = There { ready: pods.ready, loading: pods.loading, desired };
    if own.ready > 0 || serving.is_empty() {
        return own;
    }
    let others: Vec<ObjectKey> = serving.iter().map(|(key, _)| key.clone()).collect();
    if targets.has_no_other(&member.key, &others) {
        return own;
    }
    There { ready: serving.iter().map(|(_, ready)| ready).sum(), ..own }
}
