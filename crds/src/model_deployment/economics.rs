//! What the operator reports of a model's costs. Amounts are USD, as decimal strings.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What the replicas cost, beside what the same tokens cost outside: both over the last hour.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct EconomicsStatus {
    /// What all replicas cost in an hour. Those that load or drain cost, too.
    pub hourly_cost: String,
    /// Where the price of a GPU is from: `spec`, `node label`, or the name of a price list (`kubectl flotilla gpus`).
    pub price_source: String,
    /// What a million tokens cost, prompt and completion together. Absent while none are served.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cost_per_million_tokens: Option<String>,
    /// The backend that it is compared with, as `namespace/policy/backend`. Absent where none has a price.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compared_with: Option<String>,
    /// What a million tokens of the same mix cost there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external_cost_per_million_tokens: Option<String>,
    /// Tokens that are served in a day, at the pace of the last hour.
    #[serde(default)]
    pub tokens_per_day: i64,
    /// Tokens a day from which on the replicas cost less than the other backend; of a model at zero, one replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub break_even_tokens_per_day: Option<i64>,
    /// What the tokens that were served since then would have cost outside, less what the replicas cost; negative where
    /// they cost more.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved: Option<String>,
    /// Since when that is counted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub saved_since: Option<Time>,
}
