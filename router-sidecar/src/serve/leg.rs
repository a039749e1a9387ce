//! One target: which endpoint of it, and another one if that may do better.

use super::Router;
use super::hedge::{self, Race};
use super::tries::Tries;
use crate::account::{Leg, Record};
use crate::budget::{self, Estimate, Exceeded, Reservation};
use crate::route::{Ask, Prefix, choose};
use crate::snapshot::{Backend, BackendIndex, Endpoint};
use crate::upstream::{Answer, Failure, Full, Next, Outgoing, Slot, Wire};
use std::sync::Arc;
use tokio::time::Instant;

/// Endpoints of one backend that are tried before the next backend is.
const ENDPOINTS_PER_TARGET: usize = 2;

/// What all legs of a request share.
#[derive(Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) router: &'a Router,
    pub(super) outgoing: &'a Outgoing,
    /// When the request must be over.
    pub(super) total: Instant,
}

impl Request<'_> {
    /// When an attempt that begins now must have its first content.
    pub(super) fn first_content_by(&self, record: &Record) -> Instant {
        // An answer that comes whole has no first token: only the total bounds it.
        if self.outgoing.peek.stream {
            self.total.min(Instant::now() + record.policy().timeouts.first_token)
        } else {
            self.total
        }
    }

    /// Reserves what an attempt at a target may take of the policy's budgets.
    async fn reserve(&self, record: &Record, target: BackendIndex) -> Result<Option<Reservation>, Exceeded> {
        let estimate = Estimate::of(&self.outgoing.peek);
        let need = &self.router.store.lease_need;
        budget::reserve(record.policy(), record.client(), target, estimate, need).await
    }
}

/// Tries one target; the record has the failures. `rest` are the further targets of the plan, to which a second leg
/// may go if the request is hedged.
pub(super) async fn try_target(
    request: Request<'_>,
    record: &mut Record,
    target: BackendIndex,
    rest: &[BackendIndex],
    hedged: bool,
    tries: &mut Tries,
) -> Option<Answer> {
    let policy = Arc::clone(record.policy());
    let backend = policy.backends.get(target)?;
    let wire = match Wire::of(request.outgoing, backend) {
        Ok(wire) => wire,
        Err(failure) => {
            record.passed_over(target, failure);
            return None;
        }
    };
    // Who waits for a place waits there, and not where the request was meant for.
    record.goes_to(target);
    let mut slot = None;
    if let Some((gate, rules)) = &backend.gate {
        record.waits(true);
        let entered = gate.enter(*rules, request.total).await;
        record.waits(false);
        let Ok(entered) = entered else {
            record.passed_over(target, Failure::Full);
            return None;
        };
        slot = Some(Arc::new(entered));
    }
    let ask = ask(backend, request.outgoing);
    let rivals = hedged.then_some(rest);
    let attempts = if tries.places.is_empty() { ENDPOINTS_PER_TARGET } else { 1 };
    for _ in 0..attempts {
        let (place, endpoint) = pick(request.router, backend, &ask, tries.places.all())?;
        if !tries.lets(endpoint, record, rest) {
            return None;
        }
        if !tries.places.is_empty() && !may_go_on(record, request.total) {
            return None;
        }
        tries.places.push(place);
        let reserved = request.reserve(record, target).await;
        let Ok(reservation) =
            reserved.map_err(|exceeded| record.passed_over(target, Failure::Unpaid(exceeded)))
        else {
            return None;
        };
        // A lease may have come too late: what is sent now is paid for, and nobody waits for it.
        if is_over(request.total) {
            return None;
        }
        // Paid last: a target that is passed over costs nothing.
        if !pay(record) {
            return None;
        }
        remember(backend, &ask, endpoint);
        let begun = record.begin(Leg::Main, target, endpoint, slot.clone(), reservation);
        let race = Race { target, backend, endpoint, wire: &wire, begun: &begun, rivals, ask: &ask };
        match hedge::run(request, record, race, &mut tries.places).await {
            Ok(answer) => {
                record.answered(answer.status);
                return Some(answer);
            }
            Err(failure) => record.failed(Leg::Main, failure),
        }
        // A second leg may have failed, too, and have said where the request may not go.
        let goes_on = record.last_failure().is_none_or(|failure| failure.next() == Next::Any);
        if !goes_on || !record.leaves_open(target) {
            return None;
        }
    }
    None
}

/// Whether time is left for an attempt, and budget for one that costs any. What it may have to wait for comes
/// after this, so nothing is taken out yet.
pub(super) fn may_go_on(record: &mut Record, total: Instant) -> bool {
    if is_over(total) || record.is_denied() {
        return false;
    }
    if is_free(record) {
        return true;
    }
    let policy = record.policy();
    let affords = policy.budget.affords(policy.budget_rules, Instant::now().into_std());
    if !affords {
        record.denied();
    }
    affords
}

fn is_over(total: Instant) -> bool {
    Instant::now() >= total
}

/// Whether the next attempt costs no retry: the first, and one after a target that the prompt does not fit, which had no
/// work with it. As each leads to a larger window, there are no more of these than targets.
fn is_free(record: &Record) -> bool {
    record.attempts() == 0 || record.did_not_fit()
}

/// Pays for an attempt that is about to begin.
fn pay(record: &mut Record) -> bool {
    let policy = record.policy();
    let paid = is_free(record) || policy.budget.withdraw(policy.budget_rules, Instant::now().into_std());
    if !paid {
        record.denied();
    }
    paid
}

/// The endpoint to use, with its place.
pub(super) fn pick<'a>(
    router: &Router,
    backend: &'a Backend,
    ask: &Ask,
    tried: &[usize],
) -> Option<(usize, &'a Endpoint)> {
    let now = Instant::now().into_std();
    let place = choose(&backend.endpoints, ask, &backend.memory, tried, router.dice.roll(), now)?;
    Some((place, backend.endpoints.get(place)?))
}

/// An attempt begins there: from now on the endpoint is known for what the request is known by.
pub(super) fn remember(backend: &Backend, ask: &Ask, endpoint: &Endpoint) {
    if backend.endpoints.len() > 1 {
        backend.memory.remember(ask, endpoint.id);
    }
}

/// What balancing over a backend's endpoints knows of the request. A single endpoint needs no balancing.
pub(super) fn ask(backend: &Backend, outgoing: &Outgoing) -> Ask {
    let several = backend.endpoints.len() > 1;
    let adapter = outgoing.adapter.as_deref().and_then(|name| backend.adapter(name));
    Ask {
        prompt_tokens: outgoing.peek.prompt_tokens,
        session: outgoing.session,
        prefix: if several { Prefix::of(&outgoing.body) } else { Prefix::default() },
        adapter: adapter.map_or(backend.number, |adapter| Some(adapter.number)),
    }
}

/// A place at a gate if one is free now; none is needed where there is no gate.
pub(super) fn place_at(backend: &Backend) -> Result<Option<Arc<Slot>>, Full> {
    let Some((gate, _)) = &backend.gate else {
        return Ok(None);
    };
    gate.try_enter().map(|slot| Some(Arc::new(slot))).ok_or(Full)
}
