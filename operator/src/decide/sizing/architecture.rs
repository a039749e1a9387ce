//! The dimensions of a model.

use super::{Family, SizingError};

/// No dimension of a published model comes near this; it keeps row and matrix sizes inside 64 bits.
const MAX_DIMENSION: u32 = 1 << 24;
/// Likewise for layers, which an estimate walks one by one.
const MAX_LAYERS: u32 = 4096;

/// The dimensions that decide how much memory a model takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// Which tensors a layer has.
    pub family: Family,
    /// Transformer blocks.
    pub layers: u32,
    /// Width of the residual stream.
    pub hidden: u32,
    /// Inner width of the feed-forward part.
    pub ffn: u32,
    /// Query heads.
    pub heads: u32,
    /// Key and value heads; equal to `heads` without grouped query attention.
    pub kv_heads: u32,
    /// Values in one head. Not always `hidden / heads`.
    pub head_dim: u32,
    /// Entries of the vocabulary, padding included.
    pub vocab: u32,
    /// Whether the output projection is the token embedding.
    pub tied_embeddings: bool,
    /// Tokens the model was trained for.
    pub context_window: u32,
}

impl Architecture {
    /// Checks that the dimensions can belong to a model.
    pub fn validate(&self) -> Result<(), SizingError> {
        let fields = [
            ("layers", self.layers, MAX_LAYERS),
            ("hidden", self.hidden, MAX_DIMENSION),
            ("ffn", self.ffn, MAX_DIMENSION),
            ("heads", self.heads, MAX_DIMENSION),
            ("kvHeads", self.kv_heads, MAX_DIMENSION),
            ("headDim", self.head_dim, MAX_DIMENSION),
            ("vocab", self.vocab, MAX_DIMENSION),
            ("contextWindow", self.context_window, u32::MAX),
        ];
        fields.into_iter().try_for_each(|(field, value, limit)| within(field, value, limit))?;
        if !self.heads.is_multiple_of(self.kv_heads) {
            return Err(SizingError::UnevenHeads { heads: self.heads, kv_heads: self.kv_heads });
        }
        Ok(())
    }

    /// Width of all queries of one token.
    pub(super) fn query_width(&self) -> u64 {
        u64::from(self.heads) * u64::from(self.head_dim)
    }

    /// Width of all keys, or of all values, of one token.
    pub(super) fn kv_width(&self) -> u64 {
        u64::from(self.kv_heads) * u64::from(self.head_dim)
    }

    /// Query heads that share one KV head. Only for validated architectures.
    pub(super) fn heads_per_kv_head(&self) -> u32 {
        self.heads.checked_div(self.kv_heads).unwrap_or(1)
    }
}

/// Refuses zero and what is beyond `limit`.
pub(super) fn within(field: &'static str, value: u32, limit: u32) -> Result<(), SizingError> {
    match value {
        0 => Err(SizingError::Zero { field }),
        _ if value > limit => Err(SizingError::TooLarge { field, value, limit }),
        _ => Ok(()),
    }
}
