//! What one attempt has reserved.

use super::claim::{Claim, Estimate, Exceeded, claims};
use super::{LeaseNeed, Purse};
use crate::account::Tokens;
use crate::snapshot::{BackendIndex, Policy};
use std::sync::Arc;

/// What an attempt at a backend has reserved in the budgets of its policy. It is given back when it is dropped, but for
/// what it was settled with.
#[derive(Debug)]
pub struct Reservation {
    policy: Arc<Policy>,
    backend: BackendIndex,
    parts: Vec<Part>,
}

#[derive(Debug)]
struct Part {
    /// The budget's place in the policy.
    budget: usize,
    purse: Arc<Purse>,
    period: i64,
    reserved: u64,
    used: u64,
}

/// Reserves what an attempt at a backend may take, waiting for leases if need be; `None` if no budget counts it.
///
/// # Errors
/// A budget has not enough left.
pub async fn reserve(
    policy: &Arc<Policy>,
    client: Option<&str>,
    backend: BackendIndex,
    estimate: Estimate,
    need: &LeaseNeed,
) -> Result<Option<Reservation>, Exceeded> {
    if policy.budgets.is_empty() {
        return Ok(None);
    }
    let now = now();
    let mut reservation = Reservation::none(policy, backend);
    for claim in claims(policy, client, backend, estimate, now) {
        let reserved = match claim.own {
            Some(_) => claim.purse.reserve(claim.period, claim.amount, claim.own),
            None => claim.purse.reserve_leased(claim.period, claim.amount, need).await,
        };
        if !reserved {
            // Dropping the reservation gives back what other budgets promised.
            return Err(Exceeded::of(claim.budget, now));
        }
        reservation.add(claim);
    }
    Ok(reservation.if_any())
}

/// The same for an attempt that can as well be left out: it does not wait.
///
/// # Errors
/// A budget has not enough at hand.
pub fn reserve_now(
    policy: &Arc<Policy>,
    client: Option<&str>,
    backend: BackendIndex,
    estimate: Estimate,
) -> Result<Option<Reservation>, Exceeded> {
    if policy.budgets.is_empty() {
        return Ok(None);
    }
    let now = now();
    let mut reservation = Reservation::none(policy, backend);
    for claim in claims(policy, client, backend, estimate, now) {
        if !claim.purse.reserve(claim.period, claim.amount, claim.own) {
            return Err(Exceeded::of(claim.budget, now));
        }
        reservation.add(claim);
    }
    Ok(reservation.if_any())
}

/// Seconds since 1970.
fn now() -> i64 {
    jiff::Timestamp::now().as_second()
}

impl Reservation {
    fn none(policy: &Arc<Policy>, backend: BackendIndex) -> Self {
        Self { policy: Arc::clone(policy), backend, parts: Vec::new() }
    }

    fn add(&mut self, claim: Claim<'_>) {
        let Claim { place, purse, period, amount, .. } = claim;
        self.parts.push(Part { budget: place, purse, period, reserved: amount, used: 0 });
    }

    fn if_any(self) -> Option<Self> {
        (!self.parts.is_empty()).then_some(self)
    }

    /// The attempt took these tokens.
    pub fn settle(mut self, tokens: Tokens) {
        let Some(backend) = self.policy.backends.get(self.backend) else {
            return;
        };
        for part in &mut self.parts {
            part.used =
                self.policy.budgets.get(part.budget).map_or(0, |budget| budget.amount(backend, tokens));
        }
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        for part in &self.parts {
            part.purse.settle(part.period, part.reserved, part.used);
        }
    }
}
