//! What a policy does about targets that fail.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How often a request may be sent again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Retries {
    /// Attempts beyond the first, as a percentage of requests: an outage adds no more load than this. One after a target
    /// that the prompt does not fit is none of them.
    pub budget_percent: u32,
    /// Attempts beyond the first that are let through each second whatever the traffic.
    pub min_per_second: u32,
    /// Whether 401 and 403 lead to the next target, and count against the endpoint as a 5xx does. Off, a key that is not
    /// accepted shows at once.
    pub on_auth: bool,
}

impl Default for Retries {
    fn default() -> Self {
        Self { budget_percent: 20, min_per_second: 10, on_auth: false }
    }
}

/// When an endpoint is left alone for a while, judged by the traffic it gets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Ejection {
    /// Failures in a row; 0 turns this off.
    pub consecutive_failures: u32,
    /// Failures as a percentage of recent requests; 0 turns this off.
    pub failure_percent: u32,
    /// Recent requests below which the percentage says nothing.
    pub min_requests: u32,
    /// The first ejection, in milliseconds. Each further one in a row lasts twice as long as the one before.
    pub base_ms: u64,
    /// The longest ejection, in milliseconds.
    pub max_ms: u64,
}

impl Default for Ejection {
    fn default() -> Self {
        Self {
            consecutive_failures: 5,
            failure_percent: 50,
            min_requests: 20,
            base_ms: 10_000,
            max_ms: 300_000,
        }
    }
}

/// How many requests one router sends to a backend at once, and how many wait for it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Concurrency {
    /// Requests at once: so many for each endpoint, counted for the backend as a whole.
    pub max_requests: u32,
    /// Requests that wait for a place, for the whole backend. Further ones go to the next target.
    #[serde(default)]
    pub max_queued: u32,
    /// How long a request waits before it goes to the next target, in milliseconds.
    #[serde(default = "queue_timeout")]
    pub queue_timeout_ms: u64,
}

const fn queue_timeout() -> u64 {
    10_000
}

/// Whether a part says nothing new. Such a part is not written, so that routers of older versions take the config.
pub(super) fn is_default<T: Default + PartialEq>(part: &T) -> bool {
    *part == T::default()
}
