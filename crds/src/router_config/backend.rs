//! Where a request can go.

use super::{Concurrency, FleetAdapter, Hold, Pricing, Provider, Secret, Spill, resilience};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A named target of a policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Backend {
    /// Unique in the policy.
    pub name: String,
    /// Why the target must not be used now, for example a missing Secret. Routers pass over it and say so.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unavailable: Option<String>,
    /// How much of it may be used at once. Absent: no bound of its own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<Concurrency>,
    /// Fleet pods or an external API.
    #[serde(flatten)]
    pub target: BackendTarget,
}

/// The two sides of the split.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum BackendTarget {
    /// Engine pods in this cluster.
    Fleet(FleetTarget),
    /// An API outside it.
    External(ExternalTarget),
}

impl BackendTarget {
    /// Whether requests to this target stay in the cluster.
    pub fn is_in_cluster(&self) -> bool {
        matches!(self, Self::Fleet(_))
    }
}

/// Ready engine pods of one `ModelDeployment`; the router balances over them directly.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FleetTarget {
    /// The name the engine serves the model under.
    pub model: String,
    /// Ready pods, sorted. Empty while none is ready: the target exists but cannot be chosen.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// Tokens of prompt and completion together that one request may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u32>,
    /// LoRA adapters that every pod has loaded.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub adapters: Vec<FleetAdapter>,
    /// How requests wait while no pod is ready. Absent: they do not.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub hold: Option<Hold>,
    /// What goes elsewhere now. Absent: nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spill: Option<Spill>,
}

/// One engine pod.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Endpoint {
    /// `ip:port` of the engine's OpenAI-compatible HTTP server (plain HTTP, path prefix `/v1`).
    pub address: String,
}

/// One model of one provider.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct ExternalTarget {
    /// What the API speaks.
    #[serde(default, skip_serializing_if = "resilience::is_default")]
    pub provider: Provider,
    /// The API's base, `/v1` or its like included: `https://host/v1`. Absent: the provider's own.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The provider's own name of the model.
    pub model: String,
    /// The key, or where to find it. Absent for APIs without keys.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials: Option<Credentials>,
    /// What tokens cost there; absent counts as free and is said so in metrics.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing: Option<Pricing>,
    /// Tokens of prompt and completion together that one request may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context_window: Option<u32>,
}

/// A provider key. The operator always sends `apiKey`; the other two are for hand-written files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub enum Credentials {
    /// The key itself.
    ApiKey(Secret),
    /// The name of an environment variable that holds it.
    Env(String),
    /// The path of a file that holds it.
    File(String),
}
