//! The buffers that one forward pass of llama.cpp works in.

use super::Logits;
use super::moments;
use super::pass::Pass;
use crate::decide::sizing::{Architecture, Bytes, KvCacheType, SizingError};

pub(super) const TERM: &str = "compute buffers";
/// Activations are 32-bit floats.
pub(super) const FLOAT: u64 = 4;
/// Masks of fused attention, and converted keys and values, are 16-bit floats.
const HALF: u64 = 2;

/// Buffers of the residual stream's width that lie beside the widest one: the embedded input, the residual,
/// norms, the attention's output. Where logits or unfused attention are the widest, the planner leaves one more
/// or not, depending on which gaps the mask happens to fit; 6 is never too few.
fn hidden_buffers(pass: &Pass) -> u64 {
    if pass.logits == Logits::PerSequence && pass.flash_attention { 5 } else { 6 }
}

/// Memory of the compute buffers.
pub(super) fn compute(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    graph(a, pass)?.plus(converted_kv(a, pass)?, TERM)
}

/// The graph's buffers: what llama.cpp prints as its compute buffer. Its planner reuses memory from layer to
/// layer, so that only the widest moment counts, in a layer or at the logits.
pub(in crate::decide::sizing) fn graph(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    let in_layer = moments::widest(a, pass)?;
    let rows = match pass.logits {
        Logits::PerSequence => pass.sequences.min(pass.tokens),
        Logits::PerToken => pass.tokens,
    };
    let logits = Bytes::product(&[u64::from(a.vocab), rows, FLOAT], TERM)?;
    let beside = Bytes::product(&[hidden_buffers(pass), u64::from(a.hidden), pass.tokens, FLOAT], TERM)?;
    in_layer.max(logits).plus(beside, TERM)?.plus(masks(a, pass)?, TERM)
}

/// The attention masks: one for layers that attend to everything, one for those with a window.
pub(super) fn masks(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    let value = if pass.flash_attention { HALF } else { FLOAT };
    let attending = || (0..a.layers).filter(|layer| a.attends(*layer));
    let whole = attending().find(|layer| a.window(*layer).is_none());
    let windowed = attending().find(|layer| a.window(*layer).is_some());
    [whole, windowed].into_iter().flatten().try_fold(Bytes::default(), |sum, layer| {
        sum.plus(Bytes::product(&[pass.cells(a, layer), pass.tokens, value], TERM)?, TERM)
    })
}

/// On CUDA, attention over many tokens reads 16-bit floats only: keys and values of one layer at a time are
/// converted from any other type into a copy that is reserved in full.
fn converted_kv(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    if pass.kv == KvCacheType::F16 {
        return Ok(Bytes::default());
    }
    let width = a.attention.cached_width();
    Bytes::product(&[2, width, pass.sequences, pass.sequence_cells, HALF], TERM)
}
