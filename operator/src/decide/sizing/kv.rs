//! How keys and values are stored.

use super::ggml_type::GgmlType;
use super::names::named_enum;

named_enum! {
    /// How keys and values are stored (`--cache-type-k`, `--cache-type-v`).
    "KV cache type" KvCacheType {
        /// 16-bit floats, the default.
        F16,
        /// 16-bit floats, 8 bits of exponent.
        BF16,
        /// 8-bit floats: half of F16. vLLM and SGLang only.
        FP8,
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
    /// Whether values are stored in blocks.
    pub const fn is_quantized(self) -> bool {
        !matches!(self, Self::F16 | Self::BF16 | Self::FP8)
    }

    /// llama.cpp's block format, where it has one.
    pub(super) const fn format(self) -> Option<GgmlType> {
        match self {
            Self::F16 => Some(GgmlType::F16),
            Self::BF16 => Some(GgmlType::Bf16),
            Self::FP8 => None,
            Self::Q8_0 => Some(GgmlType::Q8_0),
            Self::Q5_1 => Some(GgmlType::Q5_1),
            Self::Q5_0 => Some(GgmlType::Q5_0),
            Self::Q4_1 => Some(GgmlType::Q4_1),
            Self::Q4_0 => Some(GgmlType::Q4_0),
        }
    }
}
