//! What llama-server's start-up log is expected to say.

use super::pass::Pass;
use super::{LlamaCpp, compute, kv, state};
use crate::decide::sizing::{Bytes, Request, SizingError};

/// The buffer lines of llama-server's log: what an observation can be compared with. Neither the runtime's own
/// context nor what CUDA kernels keep in a pool of their own is in any of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LlamaCppReport {
    /// "KV buffer size", the sum of all such lines.
    pub kv_cache: Bytes,
    /// "RS buffer size".
    pub state: Bytes,
    /// "compute buffer size".
    pub compute: Bytes,
}

impl LlamaCpp {
    /// The log of an engine that is started for this request, with all layers on one device.
    ///
    /// # Errors
    /// A request that cannot be estimated.
    pub fn report(&self, request: &Request<'_>) -> Result<LlamaCppReport, SizingError> {
        let a = request.architecture;
        a.validate()?;
        let pass = Pass::of(self, request)?;
        Ok(LlamaCppReport {
            kv_cache: kv::kv_cache(a, &pass)?,
            state: state::state(a, request.parallel_sequences)?,
            compute: compute::graph(a, &pass)?,
        })
    }
}
