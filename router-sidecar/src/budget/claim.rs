//! What an attempt may take of each budget, before anybody knows what it takes.

use super::{Budget, Purse};
use crate::account::Tokens;
use crate::request::Peek;
use crate::snapshot::{Backend, BackendIndex, Policy, Side};
use flotilla_crds::router_config::{NanoUsd, OnExceeded};
use jiff::Timestamp;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;

/// Tokens of a choice whose request names no limit. Longer answers are settled afterwards.
const COMPLETION: u64 = 1024;

/// The tokens that a request may take.
#[derive(Debug, Clone, Copy)]
pub struct Estimate(Tokens);

impl Estimate {
    /// By the length of its prompt, and the limit that it names for each choice of its answer.
    pub fn of(peek: &Peek) -> Self {
        let completion = peek.max_tokens.map_or(COMPLETION, u64::from) * u64::from(peek.choices);
        Self(Tokens::new(peek.prompt_tokens.into(), completion))
    }
}

impl Estimate {
    /// What it may cost at a backend.
    pub fn cost_at(self, backend: &Backend) -> NanoUsd {
        backend.prices.cost(self.0)
    }
}

/// A budget that cannot pay for a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exceeded {
    /// Its name.
    pub budget: String,
    /// What becomes of the request.
    pub then: OnExceeded,
    /// Until it is full again.
    pub wait: Duration,
    /// When that is, in seconds since 1970.
    until: i64,
}

impl Exceeded {
    /// This one, now. `now` is in seconds since 1970.
    pub fn of(budget: &Budget, now: i64) -> Self {
        let until = budget.per.next(budget.per.start(now));
        Self {
            budget: budget.name.clone(),
            then: budget.on_exceeded,
            wait: Duration::from_secs(u64::try_from(until - now).unwrap_or(0)),
            until,
        }
    }
}

#[cfg(test)]
impl Exceeded {
    /// One that says so.
    pub(crate) fn testing(then: OnExceeded) -> Self {
        Self { budget: "b".to_owned(), then, wait: Duration::from_mins(1), until: 60 }
    }
}

impl fmt::Display for Exceeded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "budget {} has not enough left for it", self.budget)?;
        match Timestamp::from_second(self.until) {
            Ok(until) => write!(f, "; it is full again at {until}"),
            Err(_) => Ok(()),
        }
    }
}

/// What an attempt at a backend may take of one budget.
pub(super) struct Claim<'a> {
    pub(super) budget: &'a Budget,
    /// Its place in the policy.
    pub(super) place: usize,
    pub(super) purse: Arc<Purse>,
    pub(super) period: i64,
    pub(super) amount: u64,
    /// All of a budget without leases.
    pub(super) own: Option<u64>,
}

/// The claims of an attempt at a backend; none for what costs nothing.
pub(super) fn claims<'a>(
    policy: &'a Policy,
    client: Option<&'a str>,
    backend: BackendIndex,
    estimate: Estimate,
    now: i64,
) -> impl Iterator<Item = Claim<'a>> {
    let target = policy.backends.get(backend);
    policy.budgets.iter().enumerate().filter(move |(_, budget)| budget.counts(backend)).filter_map(
        move |(place, budget)| {
            let amount = budget.amount(target?, estimate.0);
            (amount > 0).then(|| Claim {
                budget,
                place,
                purse: budget.purses.of(client.filter(|_| budget.per_client)),
                period: budget.per.start(now),
                amount,
                own: (!budget.leased).then_some(budget.limit),
            })
        },
    )
}

/// The backends that others of the route stand in for, since a budget cannot pay for them now, each with the budget's
/// place. Budgets that refuse their requests are not asked here, but when an attempt is made.
pub fn unpaid(policy: &Policy, client: Option<&str>, estimate: Estimate) -> Vec<(BackendIndex, usize)> {
    let mut unpaid = Vec::new();
    // Most policies end here, before the clock is read.
    if policy.budgets.iter().all(|budget| budget.on_exceeded == OnExceeded::Reject) {
        return unpaid;
    }
    let now = Timestamp::now().as_second();
    for backend in 0..policy.backends.len() {
        let short = claims(policy, client, backend, estimate, now)
            .filter(|claim| claim.budget.on_exceeded != OnExceeded::Reject)
            .find(|claim| !claim.purse.may_pay(claim.period, claim.amount, claim.own));
        unpaid.extend(short.map(|claim| (backend, claim.place)));
    }
    // What keeps one external backend out keeps out all of them, the cheaper ones, too.
    let stays = |place: &usize| {
        policy.budgets.get(*place).is_some_and(|budget| budget.on_exceeded == OnExceeded::FleetOnly)
    };
    if let Some(place) = unpaid.iter().map(|(_, place)| *place).find(stays) {
        let external = policy.backends.iter().enumerate().filter(|(_, b)| b.side == Side::External);
        for (backend, _) in external {
            if !unpaid.iter().any(|(known, _)| *known == backend) {
                unpaid.push((backend, place));
            }
        }
    }
    unpaid
}
