//! Where requests can go.

use super::ConcurrencySpec;
pub use crate::router_config::Provider;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One target: a `ModelDeployment` of this namespace or an external API.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.modelDeploymentRef) != has(self.external)")
        .message("a backend is either in the fleet or external: set exactly one of modelDeploymentRef and external")
)]
pub struct BackendSpec {
    /// Unique in the policy; named by rules, metrics and decisions.
    #[schemars(length(min = 1, max = 63), regex(pattern = r"^[a-z0-9]([-a-z0-9.]*[a-z0-9])?$"))]
    pub name: String,
    /// A `ModelDeployment` in the policy's namespace.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub model_deployment_ref: Option<LocalRef>,
    /// A model of an external API.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub external: Option<ExternalSpec>,
    /// How much of it each router uses at once. Default: no bound.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub concurrency: Option<ConcurrencySpec>,
}

/// An object of the same namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct LocalRef {
    /// Its name.
    #[schemars(length(min = 1, max = 63))]
    pub name: String,
}

/// One model of one provider.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.baseURL) || (has(self.provider) && self.provider != 'OpenAICompatible')")
        .message("an API that is only OpenAI-compatible has no address of its own: set baseURL, or name its provider")
)]
pub struct ExternalSpec {
    /// Whose API it is.
    #[serde(default)]
    pub provider: Provider,
    /// The API's base, `/v1` or its like included. Default: the provider's own, if it is one that is named.
    #[schemars(length(min = 1, max = 512))]
    #[x_kube(validation = Rule::new("self.matches('^https?://[^/?#@ ]+(/[^?# ]*)?$')")
        .message("baseURL must be http://HOST/PATH or https://HOST/PATH without user, query or fragment, for example https://api.openai.com/v1"))]
    #[serde(default, rename = "baseURL", skip_serializing_if = "Option::is_none")]
    pub base_url: Option<String>,
    /// The provider's own name of the model.
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[^\s]+$"))]
    pub model: String,
    /// The Secret that holds the API key. Only the operator and the policy's
    /// routers see its value.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<SecretKeyRef>,
    /// What tokens cost there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pricing: Option<PricingSpec>,
    /// Tokens of prompt and completion together that one request may hold.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 100_000_000))]
    pub context_window: Option<u32>,
}

/// A key of a Secret in the policy's namespace.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct SecretKeyRef {
    /// The Secret's name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key in it. Default `apiKey`.
    #[serde(default = "api_key")]
    #[schemars(length(min = 1, max = 253))]
    pub key: String,
}

fn api_key() -> String {
    "apiKey".to_owned()
}

/// USD per million tokens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct PricingSpec {
    /// Of prompt tokens, for example "2.50".
    #[schemars(length(max = 19), regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,9})?$"))]
    pub input: String,
    /// Of completion tokens, for example "10.00".
    #[schemars(length(max = 19), regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,9})?$"))]
    pub output: String,
    /// Of prompt tokens that the API had in its cache, for example "1.25". Default: as other prompt tokens.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 19), regex(pattern = r"^[0-9]{1,9}(\.[0-9]{1,9})?$"))]
    pub cached_input: Option<String>,
}
