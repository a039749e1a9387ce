//! What a policy may spend: each attempt reserves what it may take, and is settled by what it took.
//!
//! A budget has one account in this router, or one for each client. Where several routers spend a budget together, an
//! account holds what the operator granted, asks for more before it runs out, and gives back what it has no use for.

mod claim;
mod need;
mod purse;
mod reservation;

pub use claim::{Estimate, Exceeded, unpaid};
pub use need::LeaseNeed;
pub use purse::{Purse, Report};
pub use reservation::{Reservation, reserve, reserve_now};

use crate::account::Tokens;
use crate::snapshot::{Backend, BackendIndex};
use flotilla_crds::router_config::{OnExceeded, Period};
use parking_lot::Mutex;
use std::collections::HashMap;
use std::sync::Arc;

/// One budget of a policy.
#[derive(Debug)]
pub struct Budget {
    /// Its name in the policy.
    pub name: String,
    /// How often it is full again.
    pub per: Period,
    /// What it counts.
    pub unit: Unit,
    /// Nano-dollars or tokens in a period.
    pub limit: u64,
    /// The backends whose answers count.
    pub backends: Vec<BackendIndex>,
    /// Whether each client has one.
    pub per_client: bool,
    /// What becomes of requests that it cannot pay for.
    pub on_exceeded: OnExceeded,
    /// Whether it is spent by leases.
    pub leased: bool,
    /// What was spent; the same object as long as any config names the budget, and counts it alike.
    pub purses: Arc<Purses>,
}

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Unit {
    /// Money.
    NanoUsd,
    /// Tokens of prompts and answers.
    Tokens,
}

impl Budget {
    /// Whether an answer of a backend counts.
    pub fn counts(&self, backend: BackendIndex) -> bool {
        self.backends.contains(&backend)
    }

    /// What tokens at a backend are in this budget.
    pub fn amount(&self, backend: &Backend, tokens: Tokens) -> u64 {
        match self.unit {
            Unit::NanoUsd => backend.prices.cost(tokens).0,
            Unit::Tokens => tokens.total(),
        }
    }

    /// What this router can still promise of it: of all its clients, the least. `now` is in seconds since 1970.
    pub fn available(&self, now: i64) -> u64 {
        let period = self.per.start(now);
        let own = (!self.leased).then_some(self.limit);
        let purses = if self.per_client { self.purses.clients() } else { vec![self.purses.shared()] };
        purses.iter().map(|purse| purse.available(period, own)).min().or(own).unwrap_or(0)
    }
}

/// The accounts of one budget: one, or one for each client.
#[derive(Debug, Default)]
pub struct Purses {
    shared: Arc<Purse>,
    clients: Mutex<HashMap<String, Arc<Purse>>>,
}

impl Purses {
    /// The account of a client, or the one that there is.
    pub fn of(&self, client: Option<&str>) -> Arc<Purse> {
        let Some(client) = client else {
            return self.shared();
        };
        let mut clients = self.clients.lock();
        if let Some(purse) = clients.get(client) {
            return Arc::clone(purse);
        }
        Arc::clone(clients.entry(client.to_owned()).or_default())
    }

    /// The one of all clients together.
    fn shared(&self) -> Arc<Purse> {
        Arc::clone(&self.shared)
    }

    fn clients(&self) -> Vec<Arc<Purse>> {
        self.clients.lock().values().map(Arc::clone).collect()
    }

    /// All accounts, with the clients' names.
    pub fn all(&self) -> Vec<(Option<String>, Arc<Purse>)> {
        let clients = self.clients.lock();
        let clients = clients.iter().map(|(client, purse)| (Some(client.clone()), Arc::clone(purse)));
        std::iter::once((None, self.shared())).chain(clients).collect()
    }
}
