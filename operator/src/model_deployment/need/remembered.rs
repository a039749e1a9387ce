//! A need that a status still has, for when the file cannot be read again.

use super::limits::limits;
use super::model::gpus;
use super::{Figures, Need, given_headroom};
use crate::kube_ext::to_mib;
use crate::model_deployment::file::Failure;
use flotilla_crds::ModelDeploymentSpec;
use flotilla_crds::model_deployment::{MemoryBasis, MemoryStatus};
use std::sync::Arc;

/// Why a need may not be that of the file as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Doubt {
    /// Why the file was not read; none while it is being read.
    pub failure: Option<Arc<Failure>>,
    /// What counts instead.
    pub instead: Instead,
}

/// What counts where a file could not be read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Instead {
    /// The last reading.
    LastReading,
    /// What the spec says.
    Spec,
}

/// The need as a status has it, from when the file was last read; `quantization` is the status's, too.
pub fn remembered(
    spec: &ModelDeploymentSpec,
    memory: &MemoryStatus,
    quantization: Option<String>,
    failure: Option<Arc<Failure>>,
) -> Option<Need> {
    let same = memory.basis == Some(MemoryBasis::File) && memory.inputs.as_ref() == Some(&inputs(spec));
    if !same {
        return None;
    }
    Some(Need {
        total_mib: to_mib(&memory.total).ok()?,
        per_gpu_mib: to_mib(memory.per_gpu.as_ref().unwrap_or(&memory.total)).ok()?,
        required_mib: to_mib(&memory.required).ok()?,
        figures: Figures::Remembered(Box::new(memory.clone())),
        limits: limits(spec).ok()?,
        basis: MemoryBasis::File,
        quantization,
        conflicts: Vec::new(),
        doubt: Some(Doubt { failure, instead: Instead::LastReading }),
    })
}

/// A fingerprint of the fields of a spec that decide its need: what was computed for the same ones still holds.
pub fn inputs(spec: &ModelDeploymentSpec) -> String {
    use sha2::Digest as _;
    let mut fields =
        serde_json::json!([spec.model, spec.engine.engine_type, spec.context, given_headroom(spec)]);
    // One GPU was the only number once: its fingerprints go on.
    if let (Some(fields), gpus @ 2..) = (fields.as_array_mut(), gpus(spec)) {
        fields.push(gpus.into());
    }
    let digest = sha2::Sha256::digest(fields.to_string());
    let prefix = digest.iter().take(8).fold(0_u64, |prefix, byte| prefix << 8 | u64::from(*byte));
    format!("{prefix:016x}")
}
