//! What engines took beside what was estimated, and what that teaches.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether what was observed corrects the estimate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::undescribed)]
pub enum CalibrationMode {
    /// The correction is shown and not used.
    #[default]
    Off,
    /// The estimate is multiplied by the correction before a card is chosen. A new correction restarts replicas.
    On,
}

/// Where a figure of what a replica took comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::undescribed)]
pub enum MemorySource {
    /// The start of the engine's log.
    EngineLog,
    /// The engine's metrics.
    EngineMetrics,
    /// NVIDIA's dcgm-exporter on the replica's node.
    Dcgm,
}

/// What was reported that one replica took.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct ObservedMemory {
    /// The model's weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Quantity>,
    /// Keys and values, and the state of recurrent layers.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_cache: Option<Quantity>,
    /// Buffers of the computation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute: Option<Quantity>,
    /// Tokens that the cache of keys and values holds, of all sequences together.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_cache_tokens: Option<i64>,
    /// The sum of the terms above; absent where the engine reported none. The GPU runtime's own context is not in it:
    /// engines do not report that.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Quantity>,
    /// All that the replica's GPU held a minute after it was ready, the runtime's own context included, where something
    /// watches that and no other pod shares the GPU.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gpu: Option<Quantity>,
    /// Where these figures come from.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub sources: Vec<MemorySource>,
    /// The engine's build, as it names itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<String>,
    /// The pod of the replica.
    pub pod: String,
}

/// What starts of the engine taught about the estimate.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct CalibrationStatus {
    /// One entry for each engine version, architecture and GPU that were seen; at most 8.
    #[serde(default)]
    pub corrections: Vec<Correction>,
    /// The same in a few words, for people: what the correction is, or would be.
    pub message: String,
}

/// How observed and estimated memory compare on one kind of GPU.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Correction {
    /// The engine's build, as it names itself.
    pub engine_version: String,
    /// The model's architecture, as the engine names it.
    pub architecture: String,
    /// The GPU's product, as the node label has it.
    pub gpu: String,
    /// Observed over estimated memory, the mean over starts, for example "1.031".
    pub ratio: String,
    /// Starts that were seen.
    pub starts: i32,
}
