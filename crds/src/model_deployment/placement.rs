//! Where replicas run and how they go.

use super::calibration::CalibrationMode;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::KubeSchema;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Which GPUs a replica takes, and on which nodes.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("!has(self.sharing) || self.sharing != 'Shared' || !has(self.gpusPerReplica) || self.gpusPerReplica == 1")
        .message("a share is of one GPU: leave out spec.placement.gpusPerReplica, or set sharing to Exclusive"),
    validation = Rule::new("!has(self.mode) || self.mode != 'MIG' || !has(self.gpusPerReplica) || self.gpusPerReplica == 1")
        .message("a process sees one MIG partition only: leave out spec.placement.gpusPerReplica, or choose another mode"),
    validation = Rule::new("!has(self.mode) || self.mode != 'MIG' || !has(self.sharing) || self.sharing != 'Shared'")
        .message("a MIG partition is one replica's own: leave out spec.placement.sharing, or choose another mode")
)]
pub struct PlacementSpec {
    /// How replicas get their GPUs. Default Auto.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub mode: Option<PlacementMode>,
    /// GPUs that one replica takes, all of one node. The model's layers are dealt out among them. Default 1.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(range(min = 1, max = 8))]
    pub gpus_per_replica: Option<u32>,
    /// Whether a replica has its GPUs for itself. Default Exclusive.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sharing: Option<GpuSharing>,
    /// The products that may be taken, as the node label `nvidia.com/gpu.product` has them without what it appends
    /// for shares (`-SHARED`) and partitions (`-MIG-…`). Default all.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(
        length(max = 16),
        inner(length(min = 1, max = 48), regex(pattern = r"^[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub gpu_products: Vec<String>,
    /// GPU memory of one replica on each of its GPUs. Replaces the estimate; required for engine Custom.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[x_kube(validation = Rule::new("type(self) == int ? self > 0 : (isQuantity(self) && quantity(self).isGreaterThan(quantity('0')))")
        .message("spec.placement.gpuMemory must be a quantity above zero, for example 14Gi"))]
    pub gpu_memory: Option<Quantity>,
    /// Added to the estimate, or to gpuMemory, before a card is chosen. Default 5% of an estimate, nothing of gpuMemory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = r"^[0-9]{1,2}%$"))]
    pub headroom: Option<String>,
    /// Whether what engines reported that they took corrects the estimate. Default Off: the correction is only shown,
    /// in status.calibration.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub calibration: Option<CalibrationMode>,
    /// Labels that the node must have, beside those of its GPU.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(extend("maxProperties" = 32))]
    pub node_selector: BTreeMap<String, String>,
    /// Taints that replicas tolerate, beside `nvidia.com/gpu`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 32))]
    pub tolerations: Vec<Toleration>,
    /// The PriorityClass of the pods.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(min = 1, max = 253))]
    pub priority_class_name: Option<String>,
}

/// How replicas get their GPUs.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::undescribed)]
pub enum PlacementMode {
    /// What the cluster offers; status.placement says what was taken, and why.
    #[default]
    Auto,
    /// Whole GPUs by the labels of GPU feature discovery, and the resource `nvidia.com/gpu`.
    NodeLabels,
    /// Partitions of GPUs: the smallest profile that fits.
    #[serde(rename = "MIG")]
    Mig,
    /// Devices of the driver `gpu.nvidia.com`, by claims (resource.k8s.io/v1).
    #[serde(rename = "DRA")]
    Dra,
}

/// Whether a replica has its GPUs for itself.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[schemars(transform = crate::undescribed)]
pub enum GpuSharing {
    /// Whole GPUs. Nodes and devices that hand out shares are passed over.
    #[default]
    Exclusive,
    /// A share of one GPU: of a device that claims share, as much as the replica needs; on nodes that hand out shares
    /// (time-slicing, MPS), where so many pods share a card, that part of its memory and no more.
    Shared,
}

/// A taint to tolerate, as in a pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct Toleration {
    /// The taint's key; absent with operator Exists tolerates all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 316))]
    pub key: Option<String>,
    /// Exists or Equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(Exists|Equal)$"))]
    pub operator: Option<String>,
    /// The taint's value, for Equal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 63))]
    pub value: Option<String>,
    /// NoSchedule, PreferNoSchedule or NoExecute; absent means all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(regex(pattern = "^(NoSchedule|PreferNoSchedule|NoExecute)$"))]
    pub effect: Option<String>,
}

/// How replicas are replaced and stopped.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct RolloutSpec {
    /// How long a stopping replica goes on serving the requests it has, once it has left the routers' lists. Default 10s.
    /// Where fewer replicas are wanted, one that still answers is waited for first, for a minute or as long as this.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(length(max = 16))]
    #[x_kube(validation = Rule::new("self.matches('^([0-9]+(s|m|h))+$') && duration(self) >= duration('1s') && duration(self) <= duration('1h')")
        .message("spec.rollout.drainTimeout must be a duration between 1s and 1h, for example 30s"))]
    pub drain_timeout: Option<String>,
}
