//! The decision itself.

use super::candidates::{Candidates, Usable};
use super::{Facts, Reason, Standing, matching, rendezvous, resting, spill};
use crate::snapshot::{BackendIndex, Policy, Route, Spill};
use flotilla_crds::router_config::Boundary;

/// A rule's place in its policy; `None` is the default route.
pub type RuleIndex = Option<usize>;

/// Where a request goes: the first target, then what to try when a target fails before its first byte.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Plan {
    /// The rule that gave the route.
    pub rule: RuleIndex,
    /// In order; never empty, none twice.
    pub targets: Vec<BackendIndex>,
    /// How many of the last targets are left alone, although there are others that are well.
    pub resting: usize,
    /// Whether a slow request is sent once more.
    pub hedge: bool,
    /// Whether a stream that breaks off is continued.
    pub continuation: bool,
    /// The fleet backend that the draw means, whether its replicas are ready or not.
    pub wanted: Option<BackendIndex>,
    /// Whether it goes elsewhere, since that backend's model cannot take it.
    pub spills: bool,
    /// How it came about.
    pub reasons: Vec<Reason>,
}

/// Why a request has no target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refusal {
    /// What to answer.
    pub kind: RefusalKind,
    /// As in [`Plan::wanted`].
    pub wanted: Option<BackendIndex>,
    /// How it came about.
    pub reasons: Vec<Reason>,
}

/// The kinds of refusal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RefusalKind {
    /// The request must stay in the cluster, and no route of the policy has a target there.
    DataBoundary,
    /// The request names an adapter, and no target that its route may take has it.
    NoAdapter,
    /// There is a target, but none is ready.
    NotReady {
        /// Whether the boundary is why others could not stand in.
        in_cluster_only: bool,
    },
    /// Every target's context window is smaller than the prompt.
    TooLong {
        /// The largest window there is, in tokens.
        largest: u32,
        /// The estimated prompt.
        prompt_tokens: u32,
    },
    /// This budget of the policy cannot pay for any target that could answer.
    Unpaid(usize),
}

/// Plans one request. `draw` is in [0, 1); `standing` says how a backend fares now, and is asked once for each
/// usable target of the one route that is taken.
///
/// The first rule that matches gives the route, unless all its targets are across the boundary or lack the adapter
/// that the request names: then the next that matches, and at last the default. Among a route's targets only the usable ones are drawn from, so a
/// target without endpoints leaves its share to the others of the route; so does one that is left alone after
/// failures, unless all are: then the one whose rest ends first is used, rather than none. Those that are left alone come
/// after all that are well. What a fleet backend spills goes to its other target first, if the boundary lets it and that
/// can be used.
///
/// # Errors
/// Nothing is left to send to.
pub fn plan(
    policy: &Policy,
    facts: &Facts<'_>,
    draw: f64,
    standing: impl Fn(BackendIndex) -> Standing,
) -> Result<Plan, Refusal> {
    let mut reasons = Vec::with_capacity(4);
    let mut candidates = Candidates::of(policy, facts, &mut reasons);
    // A target that is near enough and still not allowed.
    let mut lacks_adapter = false;
    for (index, rule) in policy.rules.iter().enumerate() {
        if !matching::holds(rule, facts) {
            continue;
        }
        if rule.boundary == Boundary::InCluster && !candidates.in_cluster_only() {
            reasons.push(Reason::BoundRule(index));
            candidates.keep_in_cluster();
        }
        if has_allowed(&rule.route, &candidates) {
            reasons.push(Reason::Matched(index));
            return order(Some(index), &rule.route, &candidates, facts, draw, &standing, reasons);
        }
        lacks_adapter |= reaches(&rule.route, &candidates);
        reasons.push(Reason::RuleClosed(index));
    }
    reasons.push(Reason::Default);
    if has_allowed(&policy.default, &candidates) {
        return order(None, &policy.default, &candidates, facts, draw, &standing, reasons);
    }
    let kind = if lacks_adapter || reaches(&policy.default, &candidates) {
        RefusalKind::NoAdapter
    } else {
        RefusalKind::DataBoundary
    };
    Err(Refusal { kind, wanted: None, reasons })
}

fn reaches(route: &Route, candidates: &Candidates<'_>) -> bool {
    let mut all = route.weighted.iter().map(|(b, _)| b).chain(&route.fallback);
    all.any(|backend| candidates.reaches(*backend))
}

fn has_allowed(route: &Route, candidates: &Candidates<'_>) -> bool {
    let mut all = route.weighted.iter().map(|(b, _)| b).chain(&route.fallback);
    all.any(|backend| candidates.allows(*backend))
}

/// Draws from a route's usable targets and appends its usable fallbacks.
fn order(
    rule: RuleIndex,
    route: &Route,
    candidates: &Candidates<'_>,
    facts: &Facts<'_>,
    draw: f64,
    standing: &impl Fn(BackendIndex) -> Standing,
    mut reasons: Vec<Reason>,
) -> Result<Plan, Refusal> {
    let mut blocked = Blocked::default();
    let mut usable = |backend: BackendIndex| {
        let reason = if candidates.allows(backend) {
            match candidates.usable(backend) {
                Usable::Yes => return true,
                Usable::Unavailable => {
                    blocked.not_ready = true;
                    Reason::Unavailable(backend)
                }
                Usable::NoEndpoints => {
                    blocked.not_ready = true;
                    Reason::NoEndpoints(backend)
                }
                Usable::WindowTooSmall(window) => {
                    blocked.largest = blocked.largest.max(window);
                    let prompt_tokens = facts.prompt_tokens;
                    Reason::WindowTooSmall { backend, window, prompt_tokens }
                }
                Usable::Unpaid(budget) => {
                    blocked.unpaid = Some(budget);
                    Reason::Unpaid { backend, budget }
                }
            }
        } else if candidates.reaches(backend) {
            Reason::NoAdapter(backend)
        } else {
            Reason::Across(backend)
        };
        // A backend may be both drawn from and a fallback: say it once.
        if !reasons.contains(&reason) {
            reasons.push(reason);
        }
        false
    };
    let meant = meant(route, candidates, facts, draw);
    let diverted = meant.as_ref().and_then(|meant| candidates.spill(meant.backend));
    let diverted = diverted.filter(|spill| !route.never.contains(&spill.to) && usable(spill.to));
    let mut known: Vec<(BackendIndex, Standing)> = Vec::with_capacity(4);
    let mut asked = |backend: BackendIndex| {
        if let Some((_, standing)) = known.iter().find(|(b, _)| *b == backend) {
            return *standing;
        }
        let standing = standing(backend);
        known.push((backend, standing));
        standing
    };
    let weighted = route.weighted.iter().copied().filter(|(b, _)| usable(*b));
    let weighted: Vec<_> = weighted.map(|(b, weight)| (b, weight, asked(b))).collect();
    let fallback = route.fallback.iter().copied().filter(|b| usable(*b));
    let fallback: Vec<_> = fallback.map(|b| (b, asked(b))).collect();
    let diverted = diverted.map(|spill| (spill, asked(spill.to)));

    for (backend, standing) in &known {
        if let Standing::Resting { ejected, .. } = *standing {
            reasons.push(Reason::Resting { backend: *backend, ejected });
        }
    }
    let well = |standing: &Standing| *standing == Standing::Good;
    let any_well = known.iter().any(|(_, standing)| well(standing));
    let mut targets = Vec::with_capacity(1 + fallback.len());
    if any_well {
        let drawn: Vec<_> = weighted.iter().filter(|(.., s)| well(s)).map(|(b, w, _)| (*b, *w)).collect();
        if let Some(Picked { backend, weight, total, .. }) = pick(candidates, &drawn, facts.session, draw) {
            let by_session = facts.session.is_some();
            reasons.push(Reason::Drawn { backend, weight, total, by_session });
            targets.push(backend);
        }
        let rest = fallback.iter().filter(|(b, s)| well(s) && targets.first() != Some(b)).map(|(b, _)| *b);
        targets.extend(rest.collect::<Vec<_>>());
    } else {
        // The first of equals: weighted ones before fallbacks, in the order written.
        if let Some((backend, _)) = known.iter().min_by_key(|(_, standing)| *standing) {
            reasons.push(Reason::LastResort(*backend));
            targets.push(*backend);
        }
        let rest = fallback.iter().map(|(b, _)| *b).filter(|b| targets.first() != Some(b));
        targets.extend(rest.collect::<Vec<_>>());
    }
    let mut spills = false;
    if let (Some(meant), Some((to, standing))) = (&meant, diverted) {
        let goes = spill::goes(&to, facts.session, meant.place);
        spills = spill::divert(&mut targets, &to, goes, well(&standing));
        if spills {
            let Spill { to, state, percent } = to;
            reasons.push(Reason::Spilled { from: meant.backend, to, state, percent });
        }
    }
    let resting = if any_well { resting::append(&mut targets, &weighted, &fallback) } else { 0 };
    let wanted = meant.map(|meant| meant.backend);
    if targets.is_empty() {
        let in_cluster_only = candidates.in_cluster_only();
        let kind = blocked.kind(in_cluster_only, facts.prompt_tokens);
        return Err(Refusal { kind, wanted, reasons });
    }
    let Route { hedge, continuation, .. } = *route;
    Ok(Plan { rule, targets, resting, hedge, continuation, wanted, spills, reasons })
}

/// The target of the draw if every replica were ready and well, or else the first fallback; none if it is external.
fn meant(route: &Route, candidates: &Candidates<'_>, facts: &Facts<'_>, draw: f64) -> Option<Picked> {
    let serves = |backend: &BackendIndex| candidates.would_serve(*backend);
    let drawn = if route.weighted.iter().all(|(backend, _)| serves(backend)) {
        pick(candidates, &route.weighted, facts.session, draw)
    } else {
        let some: Vec<_> = route.weighted.iter().filter(|(backend, _)| serves(backend)).copied().collect();
        pick(candidates, &some, facts.session, draw)
    };
    let fallback = || {
        let backend = route.fallback.iter().copied().find(serves)?;
        Some(Picked { backend, weight: 0, total: 0, place: draw })
    };
    drawn.or_else(fallback).filter(|picked| candidates.is_in_cluster(picked.backend))
}

/// Why a route's allowed targets cannot be used.
#[derive(Default)]
struct Blocked {
    not_ready: bool,
    unpaid: Option<usize>,
    largest: u32,
}

impl Blocked {
    /// Waiting helps if any target is only not ready, and at last for a budget to be full again; a prompt that is too
    /// long stays too long.
    fn kind(&self, in_cluster_only: bool, prompt_tokens: u32) -> RefusalKind {
        if self.not_ready {
            RefusalKind::NotReady { in_cluster_only }
        } else if let Some(budget) = self.unpaid {
            RefusalKind::Unpaid(budget)
        } else {
            RefusalKind::TooLong { largest: self.largest, prompt_tokens }
        }
    }
}

/// A target of a weighted choice.
struct Picked {
    backend: BackendIndex,
    weight: u32,
    /// The sum of the weights that could be drawn.
    total: u64,
    /// Where in its share the draw fell, in [0, 1).
    place: f64,
}

/// The entry in whose share of the total the draw falls, or the one that the session is bound to.
fn pick(
    candidates: &Candidates<'_>,
    weighted: &[(BackendIndex, u32)],
    session: Option<u64>,
    draw: f64,
) -> Option<Picked> {
    let total: u64 = weighted.iter().map(|(_, weight)| u64::from(*weight)).sum();
    if let Some(session) = session {
        let home = rendezvous::pick(weighted, session, |backend| candidates.seed(backend));
        return home.map(|(backend, weight)| Picked { backend, weight, total, place: draw });
    }
    let mut point = draw * total as f64;
    for (backend, weight) in weighted {
        let weight = *weight;
        if point < f64::from(weight) {
            return Some(Picked { backend: *backend, weight, total, place: point / f64::from(weight) });
        }
        point -= f64::from(weight);
    }
    // Only rounding leads here, and then the draw was at the upper end.
    weighted.last().map(|(backend, weight)| Picked { backend: *backend, weight: *weight, total, place: 0.0 })
}
