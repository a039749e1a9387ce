//! One forward pass: what it works on.

use super::{CELL_STEP, LlamaCpp, Logits};
use crate::decide::sizing::architecture::within;
use crate::decide::sizing::{Architecture, KvCacheType, Request, SizingError};

/// What a pass works on.
pub(in crate::decide::sizing) struct Pass {
    /// Tokens in one pass (`--ubatch-size`), no more than there are cells.
    pub(in crate::decide::sizing) tokens: u64,
    pub(in crate::decide::sizing) sequences: u64,
    /// KV cells of one sequence.
    pub(in crate::decide::sizing) sequence_cells: u64,
    pub(in crate::decide::sizing) kv: KvCacheType,
    pub(in crate::decide::sizing) flash_attention: bool,
    pub(in crate::decide::sizing) logits: Logits,
}

impl Pass {
    /// The pass that buffers are reserved for.
    pub(in crate::decide::sizing) fn of(
        engine: &LlamaCpp,
        request: &Request<'_>,
    ) -> Result<Self, SizingError> {
        within("batchTokens", engine.batch_tokens, u32::MAX)?;
        within("ubatchTokens", engine.ubatch_tokens, u32::MAX)?;
        let sequences = request.parallel_sequences;
        let cells = LlamaCpp::context_tokens(request.context_tokens, sequences)?;
        Ok(Self {
            tokens: engine.ubatch_tokens.min(engine.batch_tokens).min(cells).into(),
            sequences: sequences.into(),
            sequence_cells: cells.checked_div(sequences).unwrap_or(cells).into(),
            kv: request.kv,
            flash_attention: engine.flash_attention,
            logits: engine.logits,
        })
    }

    /// KV cells of one sequence in that layer: the window and the tokens of one pass are enough where there is
    /// a window, rounded up as the whole context is.
    pub(super) fn cells(&self, a: &Architecture, layer: u32) -> u64 {
        let whole = self.sequence_cells;
        a.window(layer).map_or(whole, |window| {
            whole.min(u64::from(window) + self.tokens).next_multiple_of(CELL_STEP.into())
        })
    }
}
