//! The buffers that one forward pass of llama.cpp works in.

use super::Logits;
use crate::decide::sizing::{Architecture, Bytes, KvCacheType, SizingError};

const TERM: &str = "compute buffers";
/// Activations are 32-bit floats.
const ACTIVATION: u64 = 4;
/// The attention mask and converted keys and values are 16-bit floats.
const HALF: u64 = 2;

impl Logits {
    /// Buffers of the residual stream's width that lie beside the widest one: the embedded input, the
    /// residual, norms, the attention's output. Where logits are the widest, the planner leaves one more or
    /// not, depending on which gaps the mask happens to fit; 6 is never too few.
    const fn hidden_buffers(self) -> u64 {
        match self {
            Self::PerSequence => 5,
            Self::PerToken => 6,
        }
    }
}

/// What a pass works on.
pub(in crate::decide::sizing) struct Pass {
    /// Tokens in one pass (`--ubatch-size`), no more than there are cells.
    pub(in crate::decide::sizing) tokens: u64,
    pub(in crate::decide::sizing) sequences: u64,
    /// KV cells of one sequence.
    pub(in crate::decide::sizing) sequence_cells: u64,
    pub(in crate::decide::sizing) kv: KvCacheType,
    pub(in crate::decide::sizing) logits: Logits,
}

/// Memory of the compute buffers, with flash attention on.
pub(in crate::decide::sizing) fn compute(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    graph(a, pass)?.plus(converted_kv(a, pass)?, TERM)
}

/// The graph's buffers: what llama.cpp prints as its compute buffer. Its planner reuses memory from layer to
/// layer, so that only the widest moment counts: gate, up and their product; queries and what attention makes
/// of them; or the logits.
pub(in crate::decide::sizing) fn graph(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    let in_layer = (3 * u64::from(a.feed_forward.size)).max(2 * a.attention.query_width());
    let in_layer = Bytes::product(&[in_layer, pass.tokens, ACTIVATION], TERM)?;
    let rows = match pass.logits {
        Logits::PerSequence => pass.sequences.min(pass.tokens),
        Logits::PerToken => pass.tokens,
    };
    let logits = Bytes::product(&[u64::from(a.vocab), rows, ACTIVATION], TERM)?;
    let beside = [pass.logits.hidden_buffers(), u64::from(a.hidden), pass.tokens, ACTIVATION];
    let mask = Bytes::product(&[pass.sequence_cells, pass.tokens, HALF], TERM)?;
    in_layer.max(logits).plus(Bytes::product(&beside, TERM)?, TERM)?.plus(mask, TERM)
}

/// On CUDA, attention over many tokens reads 16-bit floats only: keys and values of one layer at a time are
/// converted from any other type into a copy that is reserved in full.
fn converted_kv(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    if pass.kv == KvCacheType::F16 {
        return Ok(Bytes::default());
    }
    Bytes::product(&[2, a.attention.kv_width(), pass.sequences, pass.sequence_cells, HALF], TERM)
}
