//! The budgets of a policy, for routers. Pure.

use flotilla_crds::router_config::Budget;
use flotilla_crds::routing_policy::BudgetSpec;

pub(super) fn budget(spec: &BudgetSpec) -> Budget {
    Budget {
        name: spec.name.clone(),
        per: spec.per,
        usd: spec.usd.clone(),
        // The schema has no others than positive ones.
        tokens: spec.tokens.map(|tokens| u64::try_from(tokens).unwrap_or(0)),
        backends: spec.backends.clone(),
        per_client: spec.per_client.unwrap_or(false),
        on_exceeded: spec.on_exceeded.unwrap_or_default(),
        leased: true,
    }
}
