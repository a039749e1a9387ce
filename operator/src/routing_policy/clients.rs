//! The clients of a policy, for routers. Pure.

use flotilla_crds::router_config::{ClientKey, ClientLimits, Clients, Secret};
use flotilla_crds::routing_policy::ClientKeysSpec;
use std::collections::{BTreeMap, BTreeSet};

/// The clients by the keys of their Secrets. A key that two Secrets hold is that of the first by name: a router would
/// refuse the whole policy otherwise.
pub(super) fn clients(spec: &ClientKeysSpec, keys: &BTreeMap<String, Secret>) -> Clients {
    let mut seen = BTreeSet::new();
    let keys = keys.iter().map(|(name, key)| ClientKey::new(name, key.reveal().trim()));
    let limits = spec.limits.unwrap_or_default();
    Clients {
        keys: keys.filter(|key| seen.insert(key.sha256.clone())).collect(),
        limits: ClientLimits {
            requests_per_minute: limits.requests_per_minute.map(u64::from),
            tokens_per_minute: limits.tokens_per_minute.map(u64::from),
        },
    }
}
