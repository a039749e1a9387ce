//! The KV cache.

use super::pass::Pass;
use crate::decide::sizing::{Architecture, Attention, Bytes, SizingError};

const TERM: &str = "the KV cache";

/// Memory of keys and values of all sequences in every layer of a validated model.
pub(super) fn kv_cache(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    let mut attending = (0..a.layers).filter(|layer| a.attends(*layer)).peekable();
    if attending.peek().is_none() {
        return Ok(Bytes::default());
    }
    let token = token(a, pass)?;
    attending.try_fold(Bytes::default(), |sum, layer| {
        let cells = pass.cells(a, layer);
        sum.plus(Bytes::product(&[token, cells, pass.sequences], TERM)?, TERM)
    })
}

/// Bytes of one token in one layer. Of latent attention the compressed vector is kept, and no values.
fn token(a: &Architecture, pass: &Pass) -> Result<u64, SizingError> {
    let kv = pass.kv;
    let format = kv.format().ok_or(SizingError::KvOfOtherEngine { kv, engine: "llama.cpp" })?;
    let (head_dim, heads, copies) = match a.attention {
        Attention::Grouped { kv_heads, head_dim, .. } => (u64::from(head_dim), u64::from(kv_heads), 2),
        Attention::Latent { .. } => (a.attention.cached_width(), 1, 1),
    };
    if !pass.flash_attention && kv.is_quantized() {
        return Err(SizingError::KvNeedsFlashAttention { kv });
    }
    if !format.holds(head_dim) {
        return Err(SizingError::KvBlock { kv, block: format.block_values(), head_dim });
    }
    format
        .row_bytes(heads * head_dim)
        .and_then(|row| row.checked_mul(copies))
        .ok_or(SizingError::Overflow { term: TERM })
}
