//! The buffers that one forward pass of llama.cpp works in.

use super::pass::Pass;
use crate::decide::sizing::{Architecture, Bytes, KvCacheType, SizingError};

pub(super) const TERM: &str = "compute buffers";
/// Activations are 32-bit floats.
pub(super) const FLOAT: u64 = 4;
/// Masks of fused attention, and converted keys and values, are 16-bit floats.
const HALF: u64 = 2;

/// Memory of the compute buffers.
pub(super) fn compute(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    graph(a, pass)?.plus(converted_kv(a, pass)?, TERM)
}

/// The buffer that llama.cpp prints as its compute buffer.
pub(in crate::decide::sizing) fn graph(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    super::graph::buffer(a, pass)
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
