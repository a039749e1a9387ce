//! What becomes of requests for a fleet backend without a ready replica.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// How requests wait for a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Hold {
    /// Requests that may wait in this router; 0 refuses all.
    pub max_requests: u32,
    /// How long each may wait, in milliseconds.
    pub timeout_ms: u64,
    /// How long a replica takes to start, in milliseconds: what clients are told that cannot wait.
    pub start_ms: u64,
}

impl Default for Hold {
    fn default() -> Self {
        Self { max_requests: 100, timeout_ms: 60_000, start_ms: 120_000 }
    }
}
