//! Who may spend how much of a budget: one account for each, shared by leases.
//!
//! A router spends only what it was granted. What is granted and not yet spent is out of everybody else's reach, so all
//! routers together cannot spend more than there is, whatever they do at the same time; and since each grant is a share
//! of what is left, and what is not used comes back, little of it lies about at the end. Pure: reports and the time go
//! in, leases come out.

mod book;
mod gauges;
mod written;

pub use book::Account;

use book::Book;
use flotilla_crds::router_config::{Budget, Period};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use written::Written;

/// How far ahead a router's clock may be.
const SKEW: i64 = 30;

/// A router: one process, from its start to its end.
pub type RouterId = u64;

/// A router's stream: the number of its session with this operator.
pub type SessionId = u64;

/// What an account has in each period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Terms {
    /// Nano-dollars or tokens.
    pub limit: u64,
    /// How often.
    pub per: Period,
    /// What is counted.
    pub unit: Unit,
}

/// What a budget counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Unit {
    /// Money, in nano-dollars.
    NanoUsd,
    /// Tokens.
    Tokens,
}

impl Terms {
    /// The terms of each account of a budget; none if it has no amount.
    pub fn of(budget: &Budget) -> Option<Self> {
        let unit = if budget.usd.is_some() { Unit::NanoUsd } else { Unit::Tokens };
        Some(Self { limit: budget.limit().ok()?, per: budget.per, unit })
    }

    /// Whether amounts by both can be compared.
    pub fn count_alike(self, other: Self) -> bool {
        (self.per, self.unit) == (other.per, other.unit)
    }
}

/// Who reports.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Reporter {
    /// The router.
    pub router: RouterId,
    /// Its stream.
    pub session: SessionId,
}

/// What a router says of one account. Amounts are nano-dollars or tokens, since the period began.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Report {
    /// When the period began, in seconds since 1970.
    pub period: i64,
    /// What it was granted in all.
    pub granted: u64,
    /// What it has given back of that.
    pub returned: u64,
    /// What it has spent.
    pub spent: u64,
    /// What it needs besides.
    pub needed: u64,
}

/// What it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grant {
    /// In all, since the period began.
    pub granted: u64,
    /// Whether somebody needs more than there is.
    pub exhausted: bool,
}

/// All accounts. Closed until what was written down is read: before that nobody knows what others hold.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ledger {
    books: BTreeMap<Account, Book>,
    open: bool,
}

impl Ledger {
    /// A ledger in which nothing was ever written.
    pub fn new() -> Self {
        Self { open: true, ..Self::default() }
    }

    /// Takes in what a router says of an account and says what it may spend; nothing while the ledger is closed, and
    /// nothing in a period that is none. A report of a period that is over changes nothing, and grants what it had.
    /// `now` is in seconds since 1970.
    pub fn report(
        &mut self,
        account: &Account,
        terms: Terms,
        from: Reporter,
        report: Report,
        now: i64,
    ) -> Option<Grant> {
        let Terms { limit, per, unit } = terms;
        if !self.open || per.start(report.period) != report.period || report.period > per.start(now + SKEW) {
            return None;
        }
        let anew = || Book::of(per.start(now), per, unit);
        let book = self.books.entry(account.clone()).or_insert_with(anew);
        if !book.is_of(per, unit) {
            // The budget was changed under its name: routers begin anew, too.
            *book = anew();
        }
        book.unit = Some(unit);
        if report.period < book.period.max(per.start(now)) && report.period != book.period {
            return Some(Grant { granted: report.granted, exhausted: true });
        }
        if report.period > book.period {
            *book = Book::of(report.period, per, unit);
        }
        Some(book.report(limit, from, report))
    }

    /// A stream has ended. Its router keeps its leases for a time, since it may be on its way back; see
    /// [`Ledger::expire`].
    pub fn leave(&mut self, from: Reporter, now: i64) {
        for book in self.books.values_mut() {
            book.leave(from, now);
        }
    }

    /// What routers that are gone for too long had not spent, as far as they said, comes back; and periods that are
    /// over are forgotten.
    pub fn expire(&mut self, now: i64) {
        self.books.retain(|_, book| {
            book.expire(now);
            !book.is_over(now - SKEW)
        });
    }

    /// What is to be written down, as JSON.
    pub fn to_json(&self) -> String {
        Written::of(&self.books).to_json()
    }

    /// Opens the ledger with what was written down, nothing if that is empty. Routers are taken for gone from `now` on,
    /// and have a time to come back.
    ///
    /// # Errors
    /// It was not written by a ledger.
    pub fn open(&mut self, json: &str, now: i64) -> Result<(), serde_json::Error> {
        if !json.is_empty() {
            self.books = Written::from_json(json)?.into_books(now);
        }
        self.open = true;
        Ok(())
    }

    /// What was spent of an account in its present period, as far as routers said.
    pub fn spent(&self, account: &Account) -> u64 {
        self.books.get(account).map_or(0, Book::spent)
    }

    /// What is left of a budget in its present period as far as routers said, in nano-dollars or tokens; of a budget per
    /// client, what the client has left that has spent the most.
    pub fn left(&self, policy: &str, budget: &str, terms: Terms, now: i64) -> u64 {
        let Terms { per, unit, .. } = terms;
        let period = per.start(now);
        let accounts = self.books.iter().filter(|(account, book)| {
            let present = book.period == period && book.is_of(per, unit);
            account.policy == policy && account.budget == budget && present
        });
        let most = accounts.map(|(_, book)| book.spent()).max().unwrap_or(0);
        terms.limit.saturating_sub(most)
    }
}

#[cfg(test)]
mod tests;
