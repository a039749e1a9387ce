//! What is served: the file, where it comes from, and what is known of it.

use super::source_rules::{
    CREDENTIALS, CREDENTIALS_KEY, CREDENTIALS_KEY_MESSAGE, CREDENTIALS_MESSAGE, ENDPOINT, ENDPOINT_MESSAGE,
    NO_PARENT, NO_PARENT_MESSAGE, REGION, REGION_MESSAGE, SHA256, SHA256_MESSAGE, SHA256_ONE_FILE,
    SHA256_ONE_FILE_MESSAGE, SOURCE, SOURCE_MESSAGE,
};
use super::{Adapter, Architecture, Quantization};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The model file and what is known of it. The operator reads its head, unless it lies in a volume or on nodes; what
/// the file says of its shape, quantization and size then counts, and the fields here are compared with it.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!(has(self.preset) && has(self.architecture))")
        .message("spec.model.preset and spec.model.architecture both describe the model: set one"),
    validation = Rule::new(SOURCE).message(SOURCE_MESSAGE),
    validation = Rule::new(NO_PARENT).message(NO_PARENT_MESSAGE),
    validation = Rule::new(ENDPOINT).message(ENDPOINT_MESSAGE),
    validation = Rule::new(REGION).message(REGION_MESSAGE),
    validation = Rule::new(CREDENTIALS).message(CREDENTIALS_MESSAGE),
    validation = Rule::new(CREDENTIALS_KEY).message(CREDENTIALS_KEY_MESSAGE),
    validation = Rule::new(SHA256).message(SHA256_MESSAGE),
    validation = Rule::new(SHA256_ONE_FILE).message(SHA256_ONE_FILE_MESSAGE),
    validation = Rule::new("!has(self.cache) || (has(self.source) && (self.source.startsWith('hf://') || self.source.startsWith('s3://') || self.source.startsWith('https://')))")
        .message("spec.model.cache is for what is downloaded: hf://, s3:// and https:// sources")
)]
pub struct ModelSpec {
    /// Where the file comes from: oci://registry/repository:tag#file, hf://owner/repository/file@revision,
    /// s3://bucket/key, https://host/path, pvc://claim/path or file:///folder/file. See docs/model-sources.md.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 1024))]
    pub source: Option<String>,
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
    /// Where a download is kept for further replicas. Default a folder of the node.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub cache: Option<ModelCache>,
    /// The name clients ask for; defaults to metadata.name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$"))]
    pub served_name: Option<String>,
    /// An entry of the built-in catalogue, for example `llama-3.2-3b`. See docs/presets.md.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 64))]
    pub preset: Option<String>,
    /// The shape of a model that no preset describes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub architecture: Option<Architecture>,
    /// LoRA adapters that are loaded with the model.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub adapters: Vec<Adapter>,
    /// The quantization of the file's weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantization: Option<Quantization>,
    /// Secrets of type kubernetes.io/dockerconfigjson in this namespace, for pods to pull images with and for the
    /// operator to read the model file's head with.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub pull_secrets: Vec<SecretName>,
}

/// The name of a Secret in the object's namespace.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SecretName {
    /// The name.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
}

/// A Secret with credentials for a source.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SourceCredentials {
    /// Its name, in the object's namespace.
    #[schemars(length(min = 1, max = 253))]
    pub name: String,
    /// The key with the token of an hf:// or https:// source. Default token.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253), regex(pattern = r"^[-._a-zA-Z0-9]+$"))]
    pub key: Option<String>,
}

/// Where downloads are kept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ModelCache {
    /// A volume that replicas on all nodes share.
    pub persistent_volume_claim: CachedInClaim,
}

/// A volume as a cache.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct CachedInClaim {
    /// The claim, in the object's namespace. Replicas on several nodes need one that many nodes can write.
    #[schemars(length(min = 1, max = 253))]
    pub claim_name: String,
}
