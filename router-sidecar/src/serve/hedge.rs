//! A second leg for a request that is slow: whichever has content first answers, the other one is called off.

use super::leg::{Request, ask, pick, place_at, remember};
use super::tries::{Places, is_well};
use crate::account::{Leg, Record};
use crate::budget::{Estimate, Reservation, reserve_now};
use crate::route::Ask;
use crate::snapshot::{Backend, BackendIndex, Endpoint, Policy};
use crate::upstream::{Answer, Begun, Failure, Slot, Wire, attempt};
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

/// The first leg, and who may run against it.
pub(super) struct Race<'a> {
    pub(super) target: BackendIndex,
    pub(super) backend: &'a Backend,
    pub(super) endpoint: &'a Endpoint,
    /// The request as this target takes it.
    pub(super) wire: &'a Wire,
    /// What the record knows of it.
    pub(super) begun: &'a Begun,
    /// Further targets of the plan; absent if the request is not hedged.
    pub(super) rivals: Option<&'a [BackendIndex]>,
    pub(super) ask: &'a Ask,
}

/// Runs the first leg, which has begun, and perhaps a second one. Failures of a leg that the other one outlives are
/// recorded; the last failure is returned.
pub(super) async fn run(
    request: Request<'_>,
    record: &mut Record,
    race: Race<'_>,
    tried: &mut Places,
) -> Result<Answer, Failure> {
    let rivals = race.rivals.and_then(|rivals| Some((rivals, race.backend.pace.p95()?)));
    let Some((rivals, patience)) = rivals else {
        let by = request.first_content_by(record);
        let client = &request.router.client;
        return attempt(client, race.backend, race.endpoint, request.outgoing, race.wire, race.begun, by)
            .await;
    };
    // Boxed: two attempts at once would make the future of every request three times as large.
    Box::pin(hedged(request, record, &race, tried, rivals, patience)).await
}

async fn hedged(
    request: Request<'_>,
    record: &mut Record,
    race: &Race<'_>,
    tried: &mut Places,
    rivals: &[BackendIndex],
    patience: Duration,
) -> Result<Answer, Failure> {
    let client = &request.router.client;
    let by = request.first_content_by(record);
    let mut main =
        pin!(attempt(client, race.backend, race.endpoint, request.outgoing, race.wire, race.begun, by));
    tokio::select! {
        biased;
        result = &mut main => return result,
        () = tokio::time::sleep(patience) => {}
    }
    let policy = Arc::clone(record.policy());
    // A leg that is not sent has no place and no reservation, and its endpoint may still be tried.
    let second = second_leg(request, record, &policy, race, rivals, tried);
    let Some((mut second, reservation)) = second.and_then(|second| pay(request, record, &policy, second))
    else {
        return main.await;
    };
    if let Some(place) = second.place {
        tried.push(place);
    }
    let begun = record.begin(Leg::Hedge, second.target, second.endpoint, second.slot.take(), reservation);
    let by = request.first_content_by(record);
    let wire = second.wire.as_ref().unwrap_or(race.wire);
    let mut hedge =
        pin!(attempt(client, second.backend, second.endpoint, request.outgoing, wire, &begun, by));
    tokio::select! {
        biased;
        result = &mut main => match result {
            Ok(answer) => {
                record.won(Leg::Main);
                Ok(answer)
            }
            Err(failure) => {
                record.failed(Leg::Main, failure);
                let answer = hedge.await?;
                second.remember(race);
                Ok(answer)
            }
        },
        result = &mut hedge => match result {
            Ok(answer) => {
                record.won(Leg::Hedge);
                second.remember(race);
                Ok(answer)
            }
            Err(failure) => {
                record.failed(Leg::Hedge, failure);
                main.await
            }
        },
    }
}

struct Second<'a> {
    target: BackendIndex,
    backend: &'a Backend,
    endpoint: &'a Endpoint,
    /// Its place, if it is of the same target.
    place: Option<usize>,
    /// The request as another target takes it, and what balancing over its endpoints knows of it.
    wire: Option<Wire>,
    ask: Option<Ask>,
    slot: Option<Arc<Slot>>,
}

impl Second<'_> {
    /// It answers: its endpoint has what comes next of the same session and prompt, and not the one that was slower.
    fn remember(&self, race: &Race<'_>) {
        remember(self.backend, self.ask.as_ref().unwrap_or(race.ask), self.endpoint);
    }
}

/// Reserves what a second leg may take, and pays for it; if that cannot be done now, it is given up.
fn pay<'a>(
    request: Request<'_>,
    record: &Record,
    policy: &Arc<Policy>,
    second: Second<'a>,
) -> Option<(Second<'a>, Option<Reservation>)> {
    let estimate = Estimate::of(&request.outgoing.peek);
    let reservation = reserve_now(policy, record.client(), second.target, estimate).ok()?;
    // Asked last: a leg that is not sent costs nothing.
    let paid = policy.budget.withdraw(policy.budget_rules, std::time::Instant::now());
    paid.then_some((second, reservation))
}

/// Another endpoint of the same target, or else the first of the further targets at which the request has not failed.
/// It must be well and have a place free: a second leg is there to be fast. All of these are in the plan, so they are
/// within the boundary.
fn second_leg<'a>(
    request: Request<'_>,
    record: &Record,
    policy: &'a Policy,
    race: &Race<'a>,
    rivals: &[BackendIndex],
    tried: &Places,
) -> Option<Second<'a>> {
    if let Some((place, endpoint)) = pick(request.router, race.backend, race.ask, tried.all())
        && is_well(endpoint)
        && let Ok(slot) = place_at(race.backend)
    {
        return Some(Second {
            target: race.target,
            backend: race.backend,
            endpoint,
            place: Some(place),
            wire: None,
            ask: None,
            slot,
        });
    }
    let mut open = rivals.iter().copied().filter(|rival| record.may_try(*rival));
    open.find_map(|target| elsewhere(request, policy, target))
}

/// A leg at another target, if that is well and has a place free.
fn elsewhere<'a>(request: Request<'_>, policy: &'a Policy, target: BackendIndex) -> Option<Second<'a>> {
    let backend = policy.backends.get(target)?;
    let ask = ask(backend, request.outgoing);
    let (_, endpoint) = pick(request.router, backend, &ask, &[])?;
    if !is_well(endpoint) {
        return None;
    }
    let slot = place_at(backend).ok()?;
    let wire = Wire::of(request.outgoing, backend).ok()?;
    Some(Second { target, backend, endpoint, place: None, wire: Some(wire), ask: Some(ask), slot })
}
