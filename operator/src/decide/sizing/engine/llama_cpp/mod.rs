//! llama.cpp: all layers on GPUs, one KV cache for each sequence.

pub(in crate::decide::sizing) mod adapters;
pub(in crate::decide::sizing) mod compute;
mod graph;
mod kv;
pub(in crate::decide::sizing) mod pass;
mod planner;
mod report;
mod runtime;
mod split;
mod state;

use super::super::architecture::within;
use super::super::estimate::Terms;
use super::super::{Assumption, Bytes, Request, SizingError, tensors};
use pass::Pass;

pub use report::LlamaCppReport;

/// llama.cpp rounds the KV cells of each sequence up to a multiple of this.
const CELL_STEP: u32 = 256;
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
            .checked_next_multiple_of(CELL_STEP)
            .and_then(|cells| cells.checked_mul(parallel_sequences))
            .filter(|tokens| *tokens <= MAX_CONTEXT_TOKENS)
            .ok_or(SizingError::ContextTooLong {
                context_tokens: max_tokens,
                parallel_sequences,
                limit: MAX_CONTEXT_TOKENS,
            })
    }

    pub(super) fn terms(&self, request: &Request<'_>) -> Result<Terms, SizingError> {
        let a = request.architecture;
        let pass = Pass::of(self, request)?;
        let mut terms = Terms {
            weights: self.weights(request)?,
            kv_cache: kv::kv_cache(a, &pass)?,
            compute: compute::compute(a, &pass)?
                .plus(adapters::compute(a, &pass, request.adapters)?, compute::TERM)?,
            runtime: runtime::RUNTIME,
            adapters: adapters::adapters(a, request.adapters)?,
            state: state::state(a, request.parallel_sequences)?,
            ..Terms::default()
        };
        if a.vision.is_some() {
            terms.assumptions.push(Assumption::VisionTower);
        }
        split::split(terms, a, request.gpus, compute::masks(a, &pass)?)
    }

    /// The model's file, and that of the vision tower, which is 16-bit floats whatever the model's type.
    fn weights(&self, request: &Request<'_>) -> Result<Bytes, SizingError> {
        let text = tensors::weights(request.architecture, request.weights, self.host_memory)?;
        let vision = request.architecture.vision.map_or(0, |vision| vision.parameters);
        text.plus(Bytes::product(&[vision, 2], "the vision tower")?, "weights")
    }
}
