//! llama.cpp: all layers on GPUs, one KV cache for each sequence.

pub(in crate::decide::sizing) mod compute;
mod kv;
mod runtime;

use super::super::architecture::within;
use super::super::estimate::Terms;
use super::super::{Request, SizingError, tensors};
use compute::Pass;

/// llama.cpp rounds the context of each sequence up to a multiple of this.
const CONTEXT_STEP: u32 = 256;
/// llama.cpp's `LLAMA_MAX_SEQ`: it refuses to start with more.
const MAX_SEQUENCES: u32 = 256;
/// `-c` is a signed 32-bit number.
const MAX_CONTEXT_TOKENS: u32 = i32::MAX.unsigned_abs();

/// The settings of llama-server that decide its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LlamaCpp {
    /// Tokens handed to the engine at once (`--batch-size`).
    pub batch_tokens: u32,
    /// Tokens in one forward pass (`--ubatch-size`), at most `batch_tokens`.
    pub ubatch_tokens: u32,
    /// Whether attention runs fused (`--flash-attn`).
    pub flash_attention: bool,
    /// What the engine's version reserves logits for.
    pub logits: Logits,
    /// Whether host memory counts, as where it stands in for a GPU's: an input embedding that is not tied
    /// stays there.
    pub host_memory: bool,
}

impl Default for LlamaCpp {
    /// A current llama-server on a GPU, with its defaults and flash attention on.
    fn default() -> Self {
        Self {
            batch_tokens: 2048,
            ubatch_tokens: 512,
            flash_attention: true,
            logits: Logits::PerSequence,
            host_memory: false,
        }
    }
}

/// The tokens of a pass that the engine reserves logits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Logits {
    /// The last token of each sequence: llama-server since June 2026 (llama.cpp pull request 23861).
    PerSequence,
    /// Every token: older servers, and tools that want the logits of a whole prompt.
    PerToken,
}

impl LlamaCpp {
    /// The engine's `-c`: the tokens of all sequences. An engine started with it and with `--parallel` equal
    /// to `parallel_sequences` allocates exactly the estimated KV cache.
    ///
    /// # Errors
    /// A count of zero, more sequences than the engine takes, or more tokens than `-c` can say.
    pub fn context_tokens(max_tokens: u32, parallel_sequences: u32) -> Result<u32, SizingError> {
        within("maxTokens", max_tokens, u32::MAX)?;
        within("parallelSequences", parallel_sequences, MAX_SEQUENCES)?;
        max_tokens
            .checked_next_multiple_of(CONTEXT_STEP)
            .and_then(|cells| cells.checked_mul(parallel_sequences))
            .filter(|tokens| *tokens <= MAX_CONTEXT_TOKENS)
            .ok_or(SizingError::ContextTooLong {
                context_tokens: max_tokens,
                parallel_sequences,
                limit: MAX_CONTEXT_TOKENS,
            })
    }

    /// The pass that the compute buffers are reserved for.
    pub(in crate::decide::sizing) fn pass(&self, request: &Request<'_>) -> Result<Pass, SizingError> {
        within("batchTokens", self.batch_tokens, u32::MAX)?;
        within("ubatchTokens", self.ubatch_tokens, u32::MAX)?;
        let sequences = request.parallel_sequences;
        let cells = Self::context_tokens(request.context_tokens, sequences)?;
        Ok(Pass {
            tokens: self.ubatch_tokens.min(self.batch_tokens).min(cells).into(),
            sequences: sequences.into(),
            sequence_cells: cells.checked_div(sequences).unwrap_or(cells).into(),
            kv: request.kv,
            logits: self.logits,
        })
    }

    pub(super) fn terms(&self, request: &Request<'_>) -> Result<Terms, SizingError> {
        let pass = self.pass(request)?;
        let weights = tensors::weights(request.architecture, request.weights, self.host_memory)?;
        let kv_cache = kv::kv_cache(request.architecture, &pass)?;
        let compute = compute::compute(request.architecture, &pass)?;
        let runtime = runtime::RUNTIME;
        let per_gpu = [kv_cache, compute, runtime]
            .into_iter()
            .try_fold(weights, |sum, term| sum.plus(term, "all terms"))?;
        Ok(Terms { weights, kv_cache, compute, runtime, per_gpu, ..Terms::default() })
    }
}
