//! What attention keeps of each token.

use super::{Layers, MAX_DIMENSION, within};
use crate::decide::sizing::SizingError;

/// What a layer's attention keeps of each token.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Attention {
    /// Keys and values of each KV head.
    Grouped {
        /// Query heads.
        heads: u32,
        /// Key and value heads; equal to `heads` without grouped query attention.
        kv_heads: u32,
        /// Values in one head. Not always `hidden / heads`.
        head_dim: u32,
    },
    /// One compressed vector that all heads expand (multi-head latent attention, MLA).
    Latent {
        /// Query heads.
        heads: u32,
        /// Width that queries are compressed to, if they are.
        query_rank: Option<u32>,
        /// Width that keys and values are compressed to.
        kv_rank: u32,
        /// Part of a key's head without position.
        nope_dim: u32,
        /// Part of a key's head with position, shared by all heads.
        rope_dim: u32,
        /// Values in one value head.
        value_dim: u32,
    },
}

impl Attention {
    pub(super) fn validate(&self) -> Result<(), SizingError> {
        let heads = ("heads", self.heads());
        let fields = match *self {
            Self::Grouped { kv_heads, head_dim, .. } => {
                vec![heads, ("kvHeads", kv_heads), ("headDim", head_dim)]
            }
            Self::Latent { query_rank, kv_rank, nope_dim, rope_dim, value_dim, .. } => vec![
                heads,
                ("queryRank", query_rank.unwrap_or(1)),
                ("kvRank", kv_rank),
                ("nopeDim", nope_dim),
                ("ropeDim", rope_dim),
                ("valueDim", value_dim),
            ],
        };
        fields.into_iter().try_for_each(|(field, value)| within(field, value, MAX_DIMENSION))?;
        match *self {
            Self::Grouped { heads, kv_heads, .. } if !heads.is_multiple_of(kv_heads) => {
                Err(SizingError::UnevenHeads { heads, kv_heads })
            }
            _ => Ok(()),
        }
    }

    /// Query heads.
    pub const fn heads(&self) -> u32 {
        match *self {
            Self::Grouped { heads, .. } | Self::Latent { heads, .. } => heads,
        }
    }

    /// Width of all queries of one token.
    pub(in crate::decide::sizing) fn query_width(&self) -> u64 {
        u64::from(self.heads()) * self.key_dim()
    }

    /// Width of all attended values of one token, which the output projection reads.
    pub(in crate::decide::sizing) fn output_width(&self) -> u64 {
        u64::from(self.heads())
            * match *self {
                Self::Grouped { head_dim, .. } => u64::from(head_dim),
                Self::Latent { value_dim, .. } => u64::from(value_dim),
            }
    }

    /// Width of all keys of one token, before any compression.
    pub(in crate::decide::sizing) fn kv_width(&self) -> u64 {
        match *self {
            Self::Grouped { kv_heads, head_dim, .. } => u64::from(kv_heads) * u64::from(head_dim),
            Self::Latent { .. } => self.query_width(),
        }
    }

    /// Width of what is kept of one token's keys: all of them, or the compressed vector.
    pub(in crate::decide::sizing) fn cached_width(&self) -> u64 {
        match *self {
            Self::Grouped { .. } => self.kv_width(),
            Self::Latent { kv_rank, rope_dim, .. } => u64::from(kv_rank) + u64::from(rope_dim),
        }
    }

    /// Values in one key head.
    pub(in crate::decide::sizing) fn key_dim(&self) -> u64 {
        match *self {
            Self::Grouped { head_dim, .. } => head_dim.into(),
            Self::Latent { nope_dim, rope_dim, .. } => u64::from(nope_dim) + u64::from(rope_dim),
        }
    }

    /// Query heads that share one KV head. Only for validated dimensions.
    pub(in crate::decide::sizing) fn heads_per_kv_head(&self) -> u32 {
        match *self {
            Self::Grouped { heads, kv_heads, .. } => heads.checked_div(kv_heads).unwrap_or(1),
            Self::Latent { heads, .. } => heads,
        }
    }
}

/// Layers that attend to the last few tokens only.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sliding {
    /// How many tokens.
    pub window: u32,
    /// Which layers.
    pub layers: Layers,
}

impl Sliding {
    pub(super) fn validate(&self) -> Result<(), SizingError> {
        within("slidingWindow", self.window, u32::MAX)
    }
}
