//! What a router may spend, by what it says it has spent.

use crate::fleet::{Entry, Verdict};
use crate::ledger::{Grant, Ledger, Report, Reporter, Terms};
use flotilla_crds::router_config::{Account, Lease, Spent};
use std::sync::Arc;

/// Accounts that one message may speak of.
const ACCOUNTS: usize = 4096;

/// Takes in what a router says, and answers for each account of a policy that it serves. Other accounts get nothing,
/// nor do those that the router counts otherwise: by what it has `acked`, before it has what was sent since. `now` is
/// in seconds since 1970.
pub(super) fn answer(
    ledger: &mut Ledger,
    served: &[Arc<Entry>],
    acked: &[Arc<Entry>],
    from: Reporter,
    accounts: Vec<Spent>,
    now: i64,
) -> Vec<Lease> {
    let leases = accounts.into_iter().take(ACCOUNTS).filter_map(|said| {
        let terms = terms_of(served, &said.account)?;
        if terms_of(acked, &said.account).is_some_and(|known| !known.count_alike(terms)) {
            return None;
        }
        let Spent { account, period, granted, returned, spent, needed } = said;
        let report = Report { period, granted, returned, spent, needed };
        let Grant { granted, exhausted } = ledger.report(&account, terms, from, report, now)?;
        Some(Lease { account, period, granted, exhausted })
    });
    leases.collect()
}

/// What an account has in each period, if there is such an account.
fn terms_of(served: &[Arc<Entry>], account: &Account) -> Option<Terms> {
    let policy = served.iter().find_map(|entry| match &entry.verdict {
        Verdict::Compiled(compiled) if compiled.policy.name == account.policy => Some(&compiled.policy),
        Verdict::Compiled(_) | Verdict::Conflicted(_) => None,
    })?;
    let budget = policy.budgets.iter().find(|budget| budget.name == account.budget && budget.leased)?;
    let known =
        |name: &String| policy.clients.iter().flat_map(|clients| &clients.keys).any(|key| key.name == *name);
    let fits = match &account.client {
        Some(client) => budget.per_client && known(client),
        None => !budget.per_client,
    };
    Terms::of(budget).filter(|_| fits)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Entry;
    use crate::routing_policy::ObjectKey;
    use crate::routing_policy::compile::Compiled;

    fn served() -> Vec<Arc<Entry>> {
        with_daily(&serde_json::json!({"usd": "1"}))
    }

    fn with_daily(daily: &serde_json::Value) -> Vec<Arc<Entry>> {
        let mut policy = serde_json::json!({
            "name": "apps/split", "models": ["m"], "backends": [], "default": {"backends": []},
            "clients": {"keys": [{"name": "team-a", "sha256": ""}]},
            "budgets": [
                {"name": "daily", "per": "Day", "leased": true},
                {"name": "team", "per": "Minute", "tokens": 100, "perClient": true, "leased": true},
            ],
        });
        let changed = policy["budgets"][0].as_object_mut().unwrap();
        changed.extend(daily.as_object().unwrap().clone());
        let policy = serde_json::from_value(policy).unwrap();
        let compiled = Compiled { policy, backends: vec![], spill: None, clients_loading: None };
        vec![Arc::new(Entry {
            key: ObjectKey { namespace: "apps".to_owned(), name: "split".to_owned() },
            generation: None,
            selector: None,
            gateway: false,
            verdict: Verdict::Compiled(Box::new(compiled)),
        })]
    }

    #[test]
    fn only_accounts_of_policies_that_the_router_serves_get_anything() {
        let mut ledger = Ledger::new();
        let mut granted = |policy: &str, budget: &str, client: Option<&str>| {
            let account = Account {
                policy: policy.to_owned(),
                budget: budget.to_owned(),
                client: client.map(str::to_owned),
            };
            let said = Spent { account, period: 0, granted: 0, returned: 0, spent: 0, needed: 70 };
            let from = Reporter { router: 1, session: 1 };
            answer(&mut ledger, &served(), &[], from, vec![said], 30).first().map(|lease| lease.granted)
        };
        assert!(granted("apps/split", "daily", None).unwrap() >= 70);
        assert_eq!(granted("apps/split", "team", Some("team-a")), Some(71), "and 1 % ahead");
        for (policy, budget, client) in [
            ("apps/other", "daily", None),
            ("apps/split", "monthly", None),
            ("apps/split", "daily", Some("team-a")),
            ("apps/split", "team", None),
            ("apps/split", "team", Some("team-b")),
        ] {
            assert_eq!(granted(policy, budget, client), None, "{policy} {budget} {client:?}");
        }
    }

    #[test]
    fn a_router_that_counts_a_budget_by_the_config_before_gets_nothing_of_it_until_it_has_the_new_one() {
        let mut ledger = Ledger::new();
        let tokens = with_daily(&serde_json::json!({"tokens": 1000}));
        let mut says = |acked: &[Arc<Entry>], spent: u64, needed: u64| {
            let account =
                Account { policy: "apps/split".to_owned(), budget: "daily".to_owned(), client: None };
            let said = Spent { account, period: 0, granted: spent, returned: 0, spent, needed };
            answer(&mut ledger, &tokens, acked, Reporter { router: 1, session: 1 }, vec![said], 30)
        };
        // Nano-dollars: as tokens they would be far more than there are.
        assert_eq!(says(&served(), 40_000_000, 0), []);
        let granted = says(&tokens, 0, 100)[0].granted;
        assert!((100..=1000).contains(&granted), "{granted}");
        // A new limit alone changes nothing.
        let more = with_daily(&serde_json::json!({"tokens": 2000}));
        assert_eq!(says(&more, 0, 100).len(), 1);
    }
}
