//! The ledger as it is written down.

use super::book::{Account, Book, Share};
use super::{RouterId, Unit};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// All accounts.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct Written(Vec<Entry>);

/// Fields of a later version are passed over: an operator that goes back to this one goes on with what it knows.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Entry {
    account: Account,
    /// When its period began and when the next one does: that tells how long periods are.
    period: i64,
    next: i64,
    /// What is counted; absent if it is not known, as in ledgers that were written before this was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    unit: Option<Unit>,
    /// Router, granted, returned, spent.
    shares: Vec<(RouterId, u64, u64, u64)>,
    #[serde(default, skip_serializing_if = "is_zero")]
    forgotten: u64,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes a reference")]
fn is_zero(amount: &u64) -> bool {
    *amount == 0
}

impl Written {
    pub(super) fn of(books: &BTreeMap<Account, Book>) -> Self {
        let entry = |(account, book): (&Account, &Book)| Entry {
            account: account.clone(),
            period: book.period,
            next: book.next,
            unit: book.unit,
            shares: book.shares.iter().map(|(id, s)| (*id, s.granted, s.returned, s.spent)).collect(),
            forgotten: book.forgotten,
        };
        Self(books.iter().map(entry).collect())
    }

    pub(super) fn into_books(self, now: i64) -> BTreeMap<Account, Book> {
        let share = |(id, granted, returned, spent)| (id, Share::gone(granted, returned, spent, now));
        let book = |entry: Entry| {
            let Entry { account, period, next, unit, shares, forgotten } = entry;
            let shares = shares.into_iter().map(share).collect();
            (account, Book { period, next, unit, shares, forgotten })
        };
        self.0.into_iter().map(book).collect()
    }

    pub(super) fn to_json(&self) -> String {
        // Plain structs: serialising them into memory cannot fail.
        serde_json::to_string(self).unwrap_or_default()
    }

    pub(super) fn from_json(json: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(json)
    }
}
