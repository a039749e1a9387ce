//! How much a policy may spend.

pub use crate::router_config::{OnExceeded, Period};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// A bound on what a policy spends in a period of time. All routers of the policy spend it together.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.usd) != has(self.tokens)")
        .message("a budget is either of money or of tokens: set exactly one of usd and tokens"),
    validation = Rule::new("!has(self.backends) || !has(self.onExceeded) || self.onExceeded != 'FleetOnly'")
        .message("a budget with onExceeded FleetOnly counts all external backends: leave backends out")
)]
pub struct BudgetSpec {
    /// Unique in the policy; in decisions and metrics.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// How often it is full again: at the beginning of each period, in UTC.
    pub per: Period,
    /// USD by the backends' pricing, for example "50".
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 19), regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,9})?$"))]
    pub usd: Option<String>,
    /// Tokens of prompts and answers together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 1_000_000_000_000_i64))]
    pub tokens: Option<i64>,
    /// The backends whose answers count. Default: all; with FleetOnly always all external ones.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(min = 1, max = 16), inner(length(min = 1, max = 63)))]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub backends: Vec<String>,
    /// Whether each client has such a budget for itself. Needs spec.clientKeys. Default false.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub per_client: Option<bool>,
    /// What becomes of a request for a backend that counts here when the budget cannot pay for it: Reject refuses it,
    /// Fallback lets another backend of its route answer, FleetOnly only one in the cluster. Default Reject.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_exceeded: Option<OnExceeded>,
}
