//! LoRA adapters: small files that change what a model says, loaded beside it.

use super::SourceCredentials;
use super::source_rules::{
    CREDENTIALS, CREDENTIALS_KEY, CREDENTIALS_KEY_MESSAGE, CREDENTIALS_MESSAGE, ENDPOINT, ENDPOINT_MESSAGE,
    NO_PARENT, NO_PARENT_MESSAGE, REGION, REGION_MESSAGE, SHA256, SHA256_MESSAGE, SOURCE, SOURCE_MESSAGE,
};
use kube::KubeSchema;
use serde::{Deserialize, Serialize};

/// A LoRA adapter of the model. Clients ask for it as MODEL:NAME, and what serves the model serves all of its adapters.
#[derive(KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new(SOURCE).message(SOURCE_MESSAGE),
    validation = Rule::new(NO_PARENT).message(NO_PARENT_MESSAGE),
    validation = Rule::new(ENDPOINT).message(ENDPOINT_MESSAGE),
    validation = Rule::new(REGION).message(REGION_MESSAGE),
    validation = Rule::new(CREDENTIALS).message(CREDENTIALS_MESSAGE),
    validation = Rule::new(CREDENTIALS_KEY).message(CREDENTIALS_KEY_MESSAGE),
    validation = Rule::new(SHA256).message(SHA256_MESSAGE)
)]
pub struct Adapter {
    /// What follows the model's name and a colon in requests: `llama-3.2-3b:legal`.
    #[schemars(length(min = 1, max = 40), regex(pattern = r"^[a-z0-9]([-a-z0-9]*[a-z0-9])?$"))]
    pub name: String,
    /// Where its file comes from, in the forms of spec.model.source: for LlamaCpp one GGUF file.
    #[schemars(length(min = 1, max = 1024))]
    pub source: String,
    /// Its rank, `r` in adapter_config.json. The GPU memory is computed from it.
    #[schemars(range(min = 1, max = 1024))]
    pub rank: u32,
    /// The hub or the S3 API to ask instead of the usual one, for mirrors: http:// or https://.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 512), regex(pattern = r"^https?://[^/@?#\s]+(/[^@?#\s]*)?$"))]
    pub endpoint: Option<String>,
    /// The region that S3 requests are signed for. Default us-east-1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 64), regex(pattern = r"^[a-z0-9-]+$"))]
    pub region: Option<String>,
    /// The Secret with what the source asks for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credentials_ref: Option<SourceCredentials>,
    /// The SHA-256 of the file, in hex. A download of anything else is thrown away.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[a-f0-9]{64}$"))]
    pub sha256: Option<String>,
}
