//! The KV cache.

use super::ggml_type::GgmlType;
use super::names::named_enum;
use super::{Architecture, Bytes, SizingError};

named_enum! {
    /// How keys and values are stored (`--cache-type-k`, `--cache-type-v`).
    "KV cache type" KvCacheType {
        /// 16-bit floats, the default.
        F16,
        /// 16-bit floats, 8 bits of exponent.
        BF16,
        /// 34 bytes for 32 values: 53 % of F16.
        Q8_0,
        /// 24 bytes for 32 values: 38 % of F16.
        Q5_1,
        /// 22 bytes for 32 values: 34 % of F16.
        Q5_0,
        /// 20 bytes for 32 values: 31 % of F16.
        Q4_1,
        /// 18 bytes for 32 values: 28 % of F16.
        Q4_0,
    }
}

impl KvCacheType {
    const fn format(self) -> GgmlType {
        match self {
            Self::F16 => GgmlType::F16,
            Self::BF16 => GgmlType::Bf16,
            Self::Q8_0 => GgmlType::Q8_0,
            Self::Q5_1 => GgmlType::Q5_1,
            Self::Q5_0 => GgmlType::Q5_0,
            Self::Q4_1 => GgmlType::Q4_1,
            Self::Q4_0 => GgmlType::Q4_0,
        }
    }
}

/// Memory of keys and values of `cells` tokens in every layer of a validated model.
///
/// Every layer attends to everything: llama.cpp runs these families without a sliding window, Mistral and
/// Phi-3 too.
pub(super) fn kv_cache(a: &Architecture, kv: KvCacheType, cells: u64) -> Result<Bytes, SizingError> {
    let format = kv.format();
    if !format.holds(u64::from(a.head_dim)) {
        return Err(SizingError::KvBlock { kv, block: format.block_values(), head_dim: a.head_dim });
    }
    let overflow = SizingError::Overflow { term: "the KV cache" };
    let row = format.row_bytes(a.kv_width()).ok_or(overflow)?;
    Bytes::product(&[2, row, u64::from(a.layers), cells], "the KV cache")
}
