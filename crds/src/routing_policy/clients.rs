//! Who may use a policy, and how much of it.

use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// Only clients with a key may use the policy: the data key `apiKey` of each Secret of its namespace that has the label
/// `flotilla.dev/client-of` with the policy's name. The Secret's name is the client's.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ClientKeysSpec {
    /// What each client may do in a minute, at each router. Default: no limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub limits: Option<ClientLimitsSpec>,
}

/// What one client may do in a minute.
#[derive(KubeSchema, Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.requestsPerMinute) || has(self.tokensPerMinute)")
        .message("spec.clientKeys.limits is empty: set requestsPerMinute, tokensPerMinute or both")
)]
pub struct ClientLimitsSpec {
    /// Requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub requests_per_minute: Option<u32>,
    /// Tokens of prompts and answers together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000))]
    pub tokens_per_minute: Option<u32>,
}
