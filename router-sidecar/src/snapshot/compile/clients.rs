//! The clients of a policy.

use super::Carried;
use crate::access::{Client, Clients, Limits};
use crate::account::Metrics;
use crate::snapshot::error::PolicyError;
use flotilla_crds::router_config as config;

pub(super) fn clients(
    policy: &str,
    source: &config::Clients,
    metrics: &Metrics,
    carried: &Carried,
) -> Result<Clients, PolicyError> {
    let limit = |name, limit: Option<u64>| match limit {
        Some(0) => Err(PolicyError::ZeroLimit(name)),
        limit => Ok(limit),
    };
    let limits = Limits {
        requests: limit("requestsPerMinute", source.limits.requests_per_minute)?,
        tokens: limit("tokensPerMinute", source.limits.tokens_per_minute)?,
    };
    let mut clients = Clients::default();
    for (place, key) in source.keys.iter().enumerate() {
        let counters = metrics.clients.of(policy, &key.name, place).map_err(PolicyError::Metrics)?;
        let limiter = carried.limiter(policy, &key.name);
        clients.add(&key.sha256, Client { name: key.name.clone(), limits, limiter, counters })?;
    }
    Ok(clients)
}
