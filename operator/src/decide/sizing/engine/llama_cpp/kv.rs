//! The KV cache.

use super::compute::Pass;
use crate::decide::sizing::{Architecture, Bytes, SizingError};

/// Memory of keys and values of all sequences in every layer of a validated model.
pub(super) fn kv_cache(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    let kv = pass.kv;
    let format = kv.format().ok_or(SizingError::KvOfOtherEngine { kv, engine: "llama.cpp" })?;
    let head_dim = a.attention.key_dim();
    if !format.holds(head_dim) {
        return Err(SizingError::KvBlock { kv, block: format.block_values(), head_dim });
    }
    let overflow = SizingError::Overflow { term: "the KV cache" };
    let row = format.row_bytes(a.attention.kv_width()).ok_or(overflow)?;
    Bytes::product(&[2, row, u64::from(a.layers), pass.sequences, pass.sequence_cells], "the KV cache")
}
