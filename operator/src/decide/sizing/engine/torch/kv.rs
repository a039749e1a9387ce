//! Keys and values as engines on PyTorch keep them.

use crate::decide::sizing::{Architecture, Attention, KvCacheType, SizingError};

/// Bytes of one token in one layer on one GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decide::sizing) struct KvWidth(u64);

impl KvWidth {
    /// Heads are dealt to GPUs, each with at least one; the latent of MLA is whole on each.
    pub(in crate::decide::sizing) fn new(
        a: &Architecture,
        kv: KvCacheType,
        gpus: u64,
        engine: &'static str,
    ) -> Result<Self, SizingError> {
        let value = match kv {
            KvCacheType::F16 | KvCacheType::BF16 => 2,
            KvCacheType::FP8 => 1,
            _ => return Err(SizingError::KvOfOtherEngine { kv, engine }),
        };
        let values = match a.attention {
            Attention::Grouped { kv_heads, head_dim, .. } => {
                2 * u64::from(kv_heads).div_ceil(gpus) * u64::from(head_dim)
            }
            Attention::Latent { kv_rank, rope_dim, .. } => u64::from(kv_rank) + u64::from(rope_dim),
        };
        Ok(Self(values * value))
    }

    pub(in crate::decide::sizing) const fn bytes_per_token(self) -> u64 {
        self.0
    }
}
