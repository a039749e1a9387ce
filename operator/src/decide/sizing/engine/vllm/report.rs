//! What vLLM's start-up log is expected to say.

use super::{Vllm, releases};
use crate::decide::sizing::{Bytes, Engine, Request, SizingError, estimate};

/// The lines of vLLM's log, each for one GPU: what an observation can be compared with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct VllmReport {
    /// "Model loading took".
    pub weights: Bytes,
    /// "torch peak memory increase", "peak activation".
    pub activations: Bytes,
    /// "non-torch forward increase", "`non_torch_memory`".
    pub non_torch: Bytes,
    /// What "Available KV cache memory" must at least be.
    pub kv_cache: Bytes,
}

impl Vllm {
    /// The log of an engine that is started for this request.
    ///
    /// # Errors
    /// A request that cannot be estimated.
    pub fn report(&self, request: &Request<'_>) -> Result<VllmReport, SizingError> {
        estimate(&Request { engine: Engine::Vllm(*self), ..*request })?;
        let parts = self.parts(request, &releases::of(self.version).0)?;
        Ok(VllmReport {
            weights: parts.weights,
            activations: parts.compute,
            non_torch: parts.non_torch,
            kv_cache: parts.kv_cache,
        })
    }
}
