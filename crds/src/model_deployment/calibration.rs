//! What engines took beside what was estimated, and what that teaches.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Whether what was observed corrects the estimate.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub enum CalibrationMode {
    /// The correction is shown and not used.
    #[default]
    Off,
    /// The estimate is multiplied by the correction before a card is chosen. A new correction restarts replicas.
    On,
}

/// What an engine reported that it took for one replica.
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
    /// The sum of these. The GPU runtime's own context is not in it: engines do not report that.
    pub total: Quantity,
    /// The engine's build, as it names itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub engine_version: Option<String>,
    /// The pod whose engine reported it.
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
