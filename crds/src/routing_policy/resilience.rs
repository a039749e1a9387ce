//! What a policy does about targets that fail or are full.

use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often requests may be sent again.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RetriesSpec {
    /// Attempts beyond the first, in percent of requests: an outage adds no more load than this. One after a target that
    /// the prompt does not fit is none of them. Default 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub budget_percent: Option<u32>,
    /// Attempts beyond the first that each router lets through in a second whatever its traffic. Default 10.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub min_per_second: Option<u32>,
    /// Whether 401 and 403 lead to the next target, and count against the endpoint as a 5xx does. Default false: a key
    /// that is not accepted shows at once.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_auth: Option<bool>,
}

/// When an endpoint that fails is left alone for a while.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct EjectionSpec {
    /// Failures in a row that lead to it. Default 5; 0 turns this off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 1000))]
    pub consecutive_failures: Option<u32>,
    /// Failures in percent of recent requests that lead to it. Default 50; 0 turns this off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100))]
    pub failure_percent: Option<u32>,
    /// Recent requests below which the percentage says nothing. Default 20.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 10_000))]
    pub min_requests: Option<u32>,
    /// How long the first time; each time in a row is twice as long as the one before. Default 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(ms|s|m|h))+$') && duration(self) >= duration('100ms') && duration(self) <= duration('1h')")
        .message("spec.ejection.baseDuration must be a duration between 100ms and 1h, for example 10s"))]
    pub base_duration: Option<String>,
    /// How long at most. Default 5m.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(ms|s|m|h))+$') && duration(self) >= duration('100ms') && duration(self) <= duration('24h')")
        .message("spec.ejection.maxDuration must be a duration between 100ms and 24h, for example 5m"))]
    pub max_duration: Option<String>,
}

/// How many requests each router sends to a backend at once, and how many wait for it.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ConcurrencySpec {
    /// Requests at once: so many for each endpoint, counted for the backend as a whole.
    #[schemars(range(min = 1, max = 100_000))]
    pub max_requests: u32,
    /// Requests that wait for a place; further ones go to the next target. Default 0.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 0, max = 100_000))]
    pub max_queued: Option<u32>,
    /// How long a request waits before it goes to the next target. Default 10s.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(ms|s|m|h))+$') && duration(self) >= duration('1ms') && duration(self) <= duration('1h')")
        .message("concurrency.queueTimeout must be a duration between 1ms and 1h, for example 10s"))]
    pub queue_timeout: Option<String>,
}
