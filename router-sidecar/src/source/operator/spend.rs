//! What budgets with leases have spent, for the operator; and what it grants, for them.

use crate::snapshot::Snapshot;
use flotilla_crds::router_config::{Account, Lease, Spent};
use std::collections::HashMap;

/// Accounts in one message: a few hundred kilobytes of it.
const ACCOUNTS: usize = 1024;

/// What a stream has said of budgets.
#[derive(Debug, Default)]
pub(super) struct Spending {
    said: HashMap<Account, Spent>,
}

impl Spending {
    /// What is to be said now: what changed, and what still lacks something. A router that is `stopping` gives back all
    /// that it does not need.
    pub(super) fn news(&mut self, snapshot: &Snapshot, stopping: bool) -> Vec<Vec<Spent>> {
        let mut news = Vec::new();
        let present = spent(snapshot, stopping);
        for spent in &present {
            let held = spent.granted.saturating_sub(spent.returned);
            let lacks = spent.spent.saturating_add(spent.needed) > held;
            if lacks || self.said.get(&spent.account) != Some(spent) {
                news.push(spent.clone());
            }
        }
        self.said = present.into_iter().map(|spent| (spent.account.clone(), spent)).collect();
        news.chunks(ACCOUNTS).map(<[Spent]>::to_vec).collect()
    }
}

/// The accounts of all budgets with leases that were used.
fn spent(snapshot: &Snapshot, stopping: bool) -> Vec<Spent> {
    let mut all = Vec::new();
    for policy in &snapshot.policies {
        for budget in policy.budgets.iter().filter(|budget| budget.leased) {
            for (client, purse) in budget.purses.all() {
                let account = Account { policy: policy.name.clone(), budget: budget.name.clone(), client };
                all.extend(purse.report(stopping).map(|report| Spent {
                    account,
                    period: report.period,
                    granted: report.granted,
                    returned: report.returned,
                    spent: report.spent,
                    needed: report.needed,
                }));
            }
        }
    }
    all
}

/// Puts leases in force. Those of accounts that are no more are passed over.
pub(super) fn grant(snapshot: &Snapshot, leases: &[Lease]) {
    for Lease { account, period, granted, exhausted } in leases {
        let policy = snapshot.policies.iter().find(|policy| policy.name == account.policy);
        let budget = policy.and_then(|p| p.budgets.iter().find(|b| b.leased && b.name == account.budget));
        if let Some(budget) = budget {
            budget.purses.of(account.client.as_deref()).grant(*period, *granted, *exhausted);
        }
    }
}
