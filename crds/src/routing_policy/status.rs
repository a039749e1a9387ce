//! What the operator reports of a `RoutingPolicy`.

use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The observed state.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RoutingPolicyStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// The model names of the spec, joined, for the printed column.
    #[serde(default)]
    pub models: String,
    /// `healthy/all` backends, for the printed column.
    #[serde(default)]
    pub backend_summary: String,
    /// Ready, Reconciling, Stalled and the parts they are made of. See docs/conditions.md.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// The base URL of the gateway's Service, where there is one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The routers that serve this policy.
    #[serde(default)]
    pub routers: RouterCounts,
    /// Where requests went.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub split: Option<SplitStatus>,
    /// USD paid to external APIs through the connected routers since they started.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spend: Option<String>,
    /// Every backend and whether it can be chosen.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub backends: Vec<BackendStatus>,
}

/// How many routers follow the policy.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct RouterCounts {
    /// Connected routers that serve it.
    pub total: i32,
    /// Of these, those that acknowledged its present form.
    pub programmed: i32,
    /// Of these, those that refused it.
    pub rejected: i32,
    /// `programmed/total`, for the printed column.
    pub summary: String,
}

/// The observed split, over the connected routers since they started.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SplitStatus {
    /// Percent of requests that the fleet answered, with one decimal: "95.0".
    pub fleet_percent: String,
    /// Percent that external APIs answered.
    pub external_percent: String,
    /// Requests counted.
    pub requests: i64,
}

/// One backend of the policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct BackendStatus {
    /// Its name in the policy.
    pub name: String,
    /// Whether requests can go there now.
    pub healthy: bool,
    /// Why, in one word.
    pub reason: String,
}
