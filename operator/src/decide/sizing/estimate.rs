//! From a request to an estimate.

use super::architecture::within;
use super::{Assumption, Bytes, Request, SizingError};

/// More GPUs than any engine spreads one replica over.
const MAX_GPUS: u32 = 1024;
/// What is added to the sum of the terms where the architecture is not known.
const UNKNOWN_FAMILY_PERCENT: u64 = 15;

/// The memory one replica needs on its GPUs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The model's tensors.
    pub weights: Bytes,
    /// Keys and values of all sequences, full.
    pub kv_cache: Bytes,
    /// Working memory of a forward pass, and the allowance for an unknown architecture.
    pub compute: Bytes,
    /// What the engine takes before it loads anything.
    pub runtime: Bytes,
    /// LoRA adapters.
    pub adapters: Bytes,
    /// Recurrent state of all sequences.
    pub state: Bytes,
    /// The need of the fullest GPU.
    pub per_gpu: Bytes,
    /// What the figures rest on.
    pub assumptions: Vec<Assumption>,
    total: Bytes,
}

impl Estimate {
    /// The sum of all terms.
    pub const fn total(&self) -> Bytes {
        self.total
    }

    /// Every term with its name in the API.
    pub const fn terms(&self) -> [(&'static str, Bytes); 6] {
        [
            ("weights", self.weights),
            ("kvCache", self.kv_cache),
            ("compute", self.compute),
            ("runtime", self.runtime),
            ("adapters", self.adapters),
            ("state", self.state),
        ]
    }
}

/// What an engine's rules give: terms of the whole replica, and the need of its fullest GPU.
#[derive(Clone, Debug, Default)]
pub(super) struct Terms {
    pub(super) weights: Bytes,
    pub(super) kv_cache: Bytes,
    pub(super) compute: Bytes,
    pub(super) runtime: Bytes,
    pub(super) adapters: Bytes,
    pub(super) state: Bytes,
    pub(super) per_gpu: Bytes,
    pub(super) assumptions: Vec<Assumption>,
}

impl Terms {
    /// Adds the allowance for an architecture that has no rule of its own.
    fn with_allowance(mut self, gpus: u32) -> Result<Self, SizingError> {
        const TERM: &str = "an unknown architecture's allowance";
        let allowance = self.sum()?.percent(UNKNOWN_FAMILY_PERCENT, TERM)?;
        self.compute = self.compute.plus(allowance, TERM)?;
        self.per_gpu = self.per_gpu.plus(allowance.divided(gpus.into()), TERM)?;
        self.assumptions.push(Assumption::UnknownFamily { percent: UNKNOWN_FAMILY_PERCENT });
        Ok(self)
    }

    fn sum(&self) -> Result<Bytes, SizingError> {
        let terms = [self.weights, self.kv_cache, self.compute, self.runtime, self.adapters, self.state];
        terms.into_iter().try_fold(Bytes::default(), |sum, term| sum.plus(term, "all terms"))
    }
}

/// Estimates the need of one replica.
///
/// # Errors
/// A dimension that no model has, a KV cache type or quantization that the dimensions or the engine do not
/// allow, or a sum beyond 64 bits.
pub fn estimate(request: &Request<'_>) -> Result<Estimate, SizingError> {
    request.architecture.validate()?;
    within("maxTokens", request.context_tokens, u32::MAX)?;
    within("parallelSequences", request.parallel_sequences, u32::MAX)?;
    within("gpus", request.gpus, MAX_GPUS)?;
    let mut terms = request.engine.terms(request)?;
    if !request.architecture.family.is_known() {
        terms = terms.with_allowance(request.gpus)?;
    }
    let total = terms.sum()?;
    let Terms { weights, kv_cache, compute, runtime, adapters, state, per_gpu, assumptions } = terms;
    Ok(Estimate { weights, kv_cache, compute, runtime, adapters, state, per_gpu, assumptions, total })
}
