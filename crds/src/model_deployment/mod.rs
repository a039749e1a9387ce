//! `ModelDeployment`: one quantized model, served by replicas that each fit a GPU.

mod adapter;
mod architecture;
mod calibration;
mod context;
mod economics;
mod engine;
mod model;
mod placement;
mod quantization;
mod scaling;
mod scaling_status;
mod source_rules;
mod status;

pub use adapter::Adapter;
pub use architecture::{
    Architecture, Experts, LatentAttention, ModelFamily, Recurrent, RecurrentKind, SlidingWindow,
};
pub use calibration::{CalibrationMode, CalibrationStatus, Correction, MemorySource, ObservedMemory};
pub use context::{ContextSpec, KvCacheType};
pub use economics::EconomicsStatus;
pub use engine::{EngineSpec, EngineType, EnvVar};
pub use model::{CachedInClaim, ModelCache, ModelSpec, SecretName, SourceCredentials};
pub use placement::{GpuSharing, PlacementMode, PlacementSpec, RolloutSpec, Toleration};
pub use quantization::Quantization;
pub use scaling::{HoldSpec, ReplicaCapacity, ScalingMode, ScalingSpec, ScheduleSpec, Weekday};
pub use scaling_status::{LearnedCapacity, ScalingChange, ScalingStatus, SpillStatus};
pub use status::{
    ChosenMode, DownloadStatus, GpuFit, MemoryBasis, MemoryStatus, ModelDeploymentStatus, PlacementStatus,
};

use kube::{CustomResource, KubeSchema};
use serde::{Deserialize, Serialize};

/// Serves one model from GPU nodes of this cluster behind a Service of the same name.
#[derive(CustomResource, KubeSchema, Debug, Clone, PartialEq, Serialize, Deserialize)]
#[kube(
    group = "flotilla.dev",
    version = "v1alpha1",
    kind = "ModelDeployment",
    namespaced,
    shortname = "mdep",
    category = "flotilla",
    status = "ModelDeploymentStatus",
    derive = "PartialEq",
    doc = "Serves one model from GPU nodes of this cluster behind a Service of the same name.",
    scale(
        spec_replicas_path = ".spec.replicas",
        status_replicas_path = ".status.replicas",
        label_selector_path = ".status.selector"
    ),
    printcolumn(name = "Model", type_ = "string", json_path = ".status.servedName"),
    printcolumn(name = "Quant", type_ = "string", json_path = ".status.quantization"),
    printcolumn(name = "VRAM", type_ = "string", json_path = ".status.memory.total", description = "GPU memory of one replica"),
    printcolumn(name = "Ready", type_ = "string", json_path = ".status.readyReplicas", description = "Replicas that serve"),
    printcolumn(name = "Desired", type_ = "string", json_path = ".status.desiredReplicas", description = "Replicas that there should be"),
    printcolumn(name = "Placement", type_ = "string", json_path = ".status.placement.summary"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$')")
        .message("metadata.name becomes the name of a Service: use at most 52 lower-case letters, digits and '-', starting with a letter")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("self.engine.type != 'LlamaCpp' || has(self.model.source)")
        .message("engine LlamaCpp loads a model file: set spec.model.source, for example oci://registry.example/models/llama:q4#model.gguf"),
    validation = Rule::new("self.engine.type != 'LlamaCpp' || (has(self.placement) && has(self.placement.gpuMemory)) || (has(self.model.quantization) && (has(self.model.preset) || has(self.model.architecture))) || (has(self.model.source) && !self.model.source.startsWith('pvc://') && !self.model.source.startsWith('file://'))")
        .message("the head of a pvc:// or file:// file is not read, to compute the GPU memory from: set spec.model.quantization and either spec.model.preset or spec.model.architecture, or declare spec.placement.gpuMemory"),
    validation = Rule::new("self.engine.type != 'LlamaCpp' || !has(self.model.source) || !self.model.source.matches('^hf://[^/@]+/[^/@]+(@.*)?$')")
        .message("engine LlamaCpp loads one model file: set spec.model.source to hf://OWNER/REPOSITORY/FILE"),
    validation = Rule::new("self.engine.type != 'LlamaCpp' || !has(self.model.adapters) || self.model.adapters.all(a, !a.source.matches('^hf://[^/@]+/[^/@]+(@.*)?$'))")
        .message("engine LlamaCpp loads one file for each adapter: let its source name a GGUF file, hf://OWNER/REPOSITORY/FILE"),
    validation = Rule::new("self.engine.type != 'Custom' || (has(self.placement) && has(self.placement.gpuMemory))")
        .message("engine Custom must declare what it needs: set spec.placement.gpuMemory, for example 14Gi"),
    validation = Rule::new("self.engine.type != 'Custom' || has(self.engine.image)")
        .message("engine Custom has no default image: set spec.engine.image"),
    validation = Rule::new("self.engine.type != 'Custom' || !has(self.context)")
        .message("spec.context sizes the LlamaCpp engine; for engine Custom set the context in spec.engine.args"),
    validation = Rule::new("self.engine.type == 'Custom' || (!has(self.engine.port) && !has(self.engine.command) && !has(self.engine.healthPath))")
        .message("spec.engine.port, command and healthPath are for engine Custom; LlamaCpp has its own"),
    validation = Rule::new("self.engine.type != 'LlamaCpp' || !has(self.engine.args) || self.engine.args.all(a, !(a.split('=')[0] in ['-m','--model','-c','--ctx-size','-np','--parallel','-ngl','--gpu-layers','--n-gpu-layers','-ctk','--cache-type-k','-ctv','--cache-type-v','-b','--batch-size','-ub','--ubatch-size','--host','--port','-a','--alias','-sm','--split-mode','-ts','--tensor-split','-mg','--main-gpu','--lora','--lora-scaled','--lora-init-without-apply']))")
        .message("spec.engine.args repeats a flag that Flotilla derives from the spec (model file, context, slots, KV type, batch, host, port, alias, split over GPUs, adapters): use spec.model, spec.context and spec.placement instead")
)]
pub struct ModelDeploymentSpec {
    /// What is served.
    pub model: ModelSpec,
    /// What serves it.
    #[serde(default)]
    pub engine: EngineSpec,
    /// How much context each replica holds. Sizes the KV cache and binds the engine to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub context: Option<ContextSpec>,
    /// Where replicas may run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub placement: Option<PlacementSpec>,
    /// How many replicas to run; 0 keeps the object and frees the GPUs. Also set by `kubectl scale mdep`. Not used with
    /// spec.scaling in mode Active.
    #[serde(default = "one_replica")]
    #[schemars(range(min = 0, max = 1000))]
    pub replicas: i32,
    /// How the number of replicas follows the load. Default: it does not, spec.replicas counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub scaling: Option<ScalingSpec>,
    /// How replicas are replaced and stopped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rollout: Option<RolloutSpec>,
}

const fn one_replica() -> i32 {
    1
}

impl ModelDeployment {
    /// The name under which the model is served: `spec.model.servedName`, else the object's name.
    pub fn served_name(&self) -> &str {
        self.spec.model.served_name.as_deref().or(self.metadata.name.as_deref()).unwrap_or_default()
    }
}
