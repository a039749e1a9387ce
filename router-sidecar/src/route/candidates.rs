//! The candidate set: which backends a request may reach at all.
//!
//! It starts from the request's data classes and only ever shrinks while the plan is made.

use super::{Facts, Reason};
use crate::snapshot::{Backend, BackendIndex, Kept, Policy, Side, Spill};

/// Narrowed once for a request; binds the drawn target and every fallback.
pub(super) struct Candidates<'a> {
    policy: &'a Policy,
    prompt_tokens: u32,
    unpaid: &'a [(BackendIndex, usize)],
    in_cluster_only: bool,
    adapter: Option<&'a str>,
}

/// Whether a backend can be used now, given that it may be.
pub(super) enum Usable {
    Yes,
    Unavailable,
    NoEndpoints,
    WindowTooSmall(u32),
    /// This budget of the policy cannot pay for it.
    Unpaid(usize),
}

impl<'a> Candidates<'a> {
    /// The set that the request's classes leave.
    pub(super) fn of(policy: &'a Policy, facts: &Facts<'a>, reasons: &mut Vec<Reason>) -> Self {
        let Facts { prompt_tokens, adapter, unpaid, .. } = *facts;
        let mut candidates = Self { policy, prompt_tokens, unpaid, in_cluster_only: false, adapter };
        for class in facts.classes {
            let reason = match policy.keeps(class) {
                Some(Kept::Bound) => Reason::BoundClass(class.clone()),
                Some(Kept::Unknown) => Reason::UnknownClass(class.clone()),
                None => continue,
            };
            reasons.push(reason);
            candidates.in_cluster_only = true;
        }
        candidates
    }

    /// Keeps the request in the cluster from here on.
    pub(super) fn keep_in_cluster(&mut self) {
        self.in_cluster_only = true;
    }

    /// Whether the request is kept in the cluster.
    pub(super) fn in_cluster_only(&self) -> bool {
        self.in_cluster_only
    }

    /// Whether the boundary lets the request reach a backend.
    pub(super) fn reaches(&self, backend: BackendIndex) -> bool {
        !self.in_cluster_only || self.get(backend).is_some_and(|b| b.side == Side::InCluster)
    }

    /// Whether a backend has what the request names.
    pub(super) fn has(&self, backend: BackendIndex) -> bool {
        self.adapter.is_none_or(|adapter| self.get(backend).is_some_and(|b| b.adapter(adapter).is_some()))
    }

    /// Whether the request may go to a backend at all.
    pub(super) fn allows(&self, backend: BackendIndex) -> bool {
        self.reaches(backend) && self.has(backend)
    }

    /// Whether an allowed backend can serve it now.
    pub(super) fn usable(&self, backend: BackendIndex) -> Usable {
        match self.get(backend) {
            None => Usable::NoEndpoints,
            Some(b) if b.unavailable.is_some() => Usable::Unavailable,
            Some(b) if b.endpoints.is_empty() => Usable::NoEndpoints,
            Some(b) => match b.context_window {
                Some(window) if window < self.prompt_tokens => Usable::WindowTooSmall(window),
                _ => self
                    .unpaid
                    .iter()
                    .find(|(b, _)| *b == backend)
                    .map_or(Usable::Yes, |(_, budget)| Usable::Unpaid(*budget)),
            },
        }
    }

    /// Whether an allowed backend could serve it, were its replicas ready.
    pub(super) fn would_serve(&self, backend: BackendIndex) -> bool {
        self.allows(backend)
            && self.get(backend).is_some_and(|b| {
                b.unavailable.is_none() && b.context_window.is_none_or(|window| window >= self.prompt_tokens)
            })
    }

    /// Whether a backend is in the cluster.
    pub(super) fn is_in_cluster(&self, backend: BackendIndex) -> bool {
        self.get(backend).is_some_and(|b| b.side == Side::InCluster)
    }

    /// What of a backend's requests goes elsewhere now.
    pub(super) fn spill(&self, backend: BackendIndex) -> Option<Spill> {
        self.get(backend)?.spill
    }

    /// A backend's name as a number.
    pub(super) fn seed(&self, backend: BackendIndex) -> u64 {
        self.get(backend).map_or(0, |b| b.seed)
    }

    fn get(&self, backend: BackendIndex) -> Option<&'a Backend> {
        self.policy.backends.get(backend).map(AsRef::as_ref)
    }
}
