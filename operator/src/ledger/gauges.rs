//! What is left of budgets, for metrics.

use super::{Ledger, Terms};
use crate::fleet::{Catalog, Verdict};
use crate::metrics::BudgetLeft;
use flotilla_crds::router_config::Budget;

/// Nano-dollars in a dollar.
const NANOS: f64 = 1e9;

impl Ledger {
    /// What is left of every budget of every policy. `now` is in seconds since 1970.
    pub fn all_left(&self, catalog: &Catalog, now: i64) -> Vec<BudgetLeft> {
        let policies = catalog.entries().filter_map(|entry| match &entry.verdict {
            Verdict::Compiled(compiled) => Some(&compiled.policy),
            Verdict::Conflicted(_) => None,
        });
        policies
            .flat_map(|policy| policy.budgets.iter().map(move |budget| (policy.name.as_str(), budget)))
            .filter_map(|(policy, budget)| self.row(policy, budget, now))
            .collect()
    }

    fn row(&self, policy: &str, budget: &Budget, now: i64) -> Option<BudgetLeft> {
        let terms = Terms::of(budget)?;
        // A gauge; what is decided is decided in integers.
        let left = self.left(policy, &budget.name, terms, now) as f64;
        let (unit, left) = if budget.usd.is_some() { ("usd", left / NANOS) } else { ("tokens", left) };
        Some(BudgetLeft { policy: policy.to_owned(), budget: budget.name.clone(), unit, left })
    }
}
