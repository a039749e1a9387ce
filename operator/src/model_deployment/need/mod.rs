//! How much GPU memory one replica of this spec needs.

mod error;
mod limits;
mod model;
mod remembered;

pub use error::NeedError;
pub use limits::{DEFAULT_MAX_TOKENS, DEFAULT_PARALLEL_SEQUENCES, Limits};
pub use model::{Model, model, request};
pub use remembered::{Doubt, Instead, inputs, remembered};

use super::conflict::Conflict;
use crate::decide::sizing::{self, Alternative, Bytes, Estimate};
use crate::kube_ext::to_mib;
use crate::model_file::ModelFile;
use flotilla_crds::ModelDeploymentSpec;
use flotilla_crds::model_deployment::{EngineType, MemoryBasis, MemoryStatus};
use limits::limits;
use model::{conflicts, describe};

/// Added to a computed need, in percent. A declared need is taken as it is.
pub const DEFAULT_HEADROOM_PERCENT: u64 = 5;

/// The need of one replica.
#[derive(Debug, Clone, PartialEq)]
pub struct Need {
    /// The terms, where they could be computed.
    pub figures: Figures,
    /// Of all GPUs together and without headroom, in MiB: declared, or the sum of the terms.
    pub total_mib: u64,
    /// Of the fullest GPU, likewise.
    pub per_gpu_mib: u64,
    /// Of the fullest GPU with headroom, in MiB: what a card must have.
    pub required_mib: u64,
    /// Only for engines whose limits Flotilla sets.
    pub limits: Option<Limits>,
    /// What the figures were computed from.
    pub basis: MemoryBasis,
    /// Of the weights, where it is known.
    pub quantization: Option<String>,
    /// Where the spec says otherwise than the file; the file counts.
    pub conflicts: Vec<Conflict>,
    /// Why the figures may not be those of the file as it is now.
    pub doubt: Option<Doubt>,
}

/// The terms of a need.
#[derive(Debug, Clone, PartialEq)]
pub enum Figures {
    /// There is only a sum, which somebody declared.
    Declared,
    /// Computed just now.
    Computed {
        /// The terms.
        estimate: Box<Estimate>,
        /// What they were computed from.
        model: Box<Model>,
        /// What they take for granted, for people.
        assumptions: Vec<String>,
    },
    /// As the status has them since the file was read.
    Remembered(Box<MemoryStatus>),
}

impl Need {
    /// The terms, where they were computed just now.
    pub fn estimate(&self) -> Option<&Estimate> {
        match &self.figures {
            Figures::Computed { estimate, .. } => Some(estimate),
            Figures::Declared | Figures::Remembered(_) => None,
        }
    }
}

/// Computes the need from the file where it is known, else from the spec; or takes what is declared.
pub fn need(spec: &ModelDeploymentSpec, file: Option<&ModelFile>) -> Result<Need, NeedError> {
    let declared = spec.placement.as_ref().and_then(|placement| placement.gpu_memory.as_ref());
    let declared_mib = declared.map(to_mib).transpose()?;
    let gpus = model::gpus(spec);
    let described =
        if spec.engine.engine_type == EngineType::LlamaCpp { describe(spec, file)? } else { None };
    let (figures, computed, conflicts) = match described {
        Some(described) => {
            let estimate = Box::new(sizing::estimate(&request(spec, &described.model)?)?);
            let conflicts = conflicts(spec, file, &estimate)?;
            let notes = file.into_iter().flat_map(|file| file.notes.iter().map(ToString::to_string));
            let assumptions = estimate.assumptions.iter().map(ToString::to_string).chain(notes).collect();
            let total_mib = if gpus > 1 { estimate.total().mib() } else { estimate.per_gpu.mib() };
            let computed = (total_mib, estimate.per_gpu.mib(), described.basis);
            let model = Box::new(described.model);
            (Figures::Computed { estimate, model, assumptions }, Some(computed), conflicts)
        }
        None => (Figures::Declared, None, Vec::new()),
    };
    let (total_mib, per_gpu_mib, basis, headroom) = match (declared_mib, computed) {
        (Some(mib), _) => (mib.saturating_mul(gpus.into()), mib, MemoryBasis::Declared, 0),
        (None, Some((total, per_gpu, basis))) => (total, per_gpu, basis, DEFAULT_HEADROOM_PERCENT),
        (None, None) => return Err(NeedError::Undescribed),
    };
    let headroom = given_headroom(spec).unwrap_or(headroom);
    let required_mib = per_gpu_mib.saturating_add(per_gpu_mib.saturating_mul(headroom).div_ceil(100));
    let quantization = match file.and_then(|file| file.quantization) {
        Some(quantization) => Some(quantization.to_string()),
        None => spec.model.quantization.map(|quantization| quantization.as_str().to_owned()),
    };
    let limits = limits(spec)?;
    Ok(Need {
        figures,
        total_mib,
        per_gpu_mib,
        required_mib,
        limits,
        basis,
        quantization,
        conflicts,
        doubt: None,
    })
}

/// Changes to the spec that would make it fit into `room_mib`, the mildest first.
pub fn alternatives(spec: &ModelDeploymentSpec, need: &Need, room_mib: u64) -> Vec<Alternative> {
    let Figures::Computed { model, .. } = &need.figures else {
        return Vec::new();
    };
    let headroom_factor = 100 + given_headroom(spec).unwrap_or(DEFAULT_HEADROOM_PERCENT);
    let room = Bytes::from_mib(room_mib.saturating_mul(100) / headroom_factor);
    request(spec, model).map(|request| sizing::alternatives(&request, room)).unwrap_or_default()
}

/// The need of each GPU with headroom, in MiB, if a replica were spread over so many; none where it cannot be computed.
pub fn over(spec: &ModelDeploymentSpec, need: &Need, gpus: u32) -> Option<u64> {
    let Figures::Computed { model, .. } = &need.figures else {
        return None;
    };
    if need.basis == MemoryBasis::Declared {
        return None;
    }
    let request = sizing::Request { gpus, ..request(spec, model).ok()? };
    let per_gpu_mib = sizing::estimate(&request).ok()?.per_gpu.mib();
    let headroom = given_headroom(spec).unwrap_or(DEFAULT_HEADROOM_PERCENT);
    Some(per_gpu_mib.saturating_add(per_gpu_mib.saturating_mul(headroom).div_ceil(100)))
}

fn given_headroom(spec: &ModelDeploymentSpec) -> Option<u64> {
    spec.placement.as_ref()?.headroom.as_deref()?.trim_end_matches('%').parse().ok()
}

#[cfg(test)]
mod tests;
