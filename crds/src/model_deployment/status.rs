//! What the operator reports of a `ModelDeployment`.

use super::calibration::{CalibrationStatus, ObservedMemory};
use super::scaling_status::ScalingStatus;
use k8s_openapi::apimachinery::pkg::{api::resource::Quantity, apis::meta::v1::Condition};
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The observed state.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct ModelDeploymentStatus {
    /// The generation of the spec that this status speaks of.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed_generation: Option<i64>,
    /// Ready, Reconciling, Stalled and the parts they are made of. See docs/conditions.md.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["type".into()]))]
    pub conditions: Vec<Condition>,
    /// Replicas that exist.
    #[serde(default)]
    pub replicas: i32,
    /// Replicas that serve.
    #[serde(default)]
    pub ready_replicas: i32,
    /// Replicas that there should be: spec.replicas, or what spec.scaling led to.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub desired_replicas: Option<i32>,
    /// The label selector of the pods, as `/scale` reports it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub selector: Option<String>,
    /// The name clients ask for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub served_name: Option<String>,
    /// The base URL of the Service inside the cluster.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub endpoint: Option<String>,
    /// The quantization of the weights, as the file or else the spec has it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub quantization: Option<String>,
    /// GPU memory of one replica, term by term.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryStatus>,
    /// What starts of the engine taught about the estimate.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationStatus>,
    /// Which cards of the cluster could hold a replica.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementStatus>,
    /// How far the newest replica is that downloads its model.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub download: Option<DownloadStatus>,
    /// What scaling decided last, where spec.scaling is set.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ScalingStatus>,
}

/// A download that is under way.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct DownloadStatus {
    /// The replica's pod.
    pub pod: String,
    /// How much of the model is there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub percent: Option<i32>,
    /// The same as an amount.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub downloaded: Option<Quantity>,
    /// Of the whole model, once the source told it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<Quantity>,
    /// How fast it comes, in millions of bytes a second.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub megabytes_per_second: Option<i32>,
}

/// GPU memory of one replica. Declared by the spec, or the sum of the terms.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct MemoryStatus {
    /// The model's weights.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub weights: Option<Quantity>,
    /// Keys and values of the whole context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kv_cache: Option<Quantity>,
    /// Buffers of the computation.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub compute: Option<Quantity>,
    /// The GPU runtime's own context.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runtime: Option<Quantity>,
    /// LoRA adapters.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub adapters: Option<Quantity>,
    /// Recurrent state of all sequences, for models that keep one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub state: Option<Quantity>,
    /// The need of one replica, without headroom, on all its GPUs together.
    pub total: Quantity,
    /// Of that, what the fullest GPU holds; only for replicas on several GPUs.
    #[serde(default, rename = "perGPU", skip_serializing_if = "Option::is_none")]
    pub per_gpu: Option<Quantity>,
    /// The need of each GPU with headroom: what a card must have.
    pub required: Quantity,
    /// What the newest replica's engine reported that it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub observed: Option<ObservedMemory>,
    /// What the figures were computed from.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub basis: Option<MemoryBasis>,
    /// A fingerprint of the spec's fields that the figures were computed for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub inputs: Option<String>,
    /// What the figures take for granted, for people.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub assumptions: Vec<String>,
}

/// What the figures of a need were computed from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::undescribed)]
pub enum MemoryBasis {
    /// The head of the model file itself.
    File,
    /// spec.model.architecture and spec.model.quantization.
    Architecture,
    /// spec.model.preset and spec.model.quantization.
    Preset,
    /// spec.placement.gpuMemory.
    Declared,
}

/// Where a replica fits.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PlacementStatus {
    /// How replicas get their GPUs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<ChosenMode>,
    /// In mode MIG, the profile whose resource replicas ask for; absent on clusters with strategy `single`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mig_profile: Option<String>,
    /// The products that fit, smallest first. Counts are those of the last reconcile.
    #[serde(default)]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["product".into()]))]
    pub fits: Vec<GpuFit>,
    /// The same in a few words, for a column.
    #[serde(default)]
    pub summary: String,
    /// Why this mode, and what was passed over, for people.
    #[serde(default)]
    pub message: String,
}

/// How replicas get their GPUs, once that is decided.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::undescribed)]
pub enum ChosenMode {
    /// By the labels of nodes.
    NodeLabels,
    /// Partitions.
    #[serde(rename = "MIG")]
    Mig,
    /// By claims.
    #[serde(rename = "DRA")]
    Dra,
}

/// One GPU product of the cluster that can hold a replica.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GpuFit {
    /// Its name, as the node label `nvidia.com/gpu.product` has it.
    pub product: String,
    /// Memory of one GPU.
    pub memory: Quantity,
    /// Nodes that have it and take pods.
    pub nodes: i32,
    /// GPUs, or shares of them, on these nodes.
    pub gpus: i32,
    /// Of these, those that no pod has.
    #[serde(default, rename = "freeGPUs")]
    pub free_gpus: i32,
}
