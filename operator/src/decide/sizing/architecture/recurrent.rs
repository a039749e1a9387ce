//! Layers that keep a state of fixed size instead of keys and values.

use super::{Layers, MAX_DIMENSION, MAX_SMALL_DIMENSION, within};
use crate::decide::sizing::SizingError;

/// The recurrent layers of a model.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Recurrent {
    /// What they compute.
    pub kind: RecurrentKind,
    /// Which layers they are.
    pub layers: Layers,
}

/// What a recurrent layer computes, with its dimensions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RecurrentKind {
    /// Selective state space, one state per channel (Jamba).
    Mamba {
        /// Width inside the layer.
        inner: u32,
        /// States of one channel.
        state: u32,
        /// Tokens that the convolution sees.
        conv: u32,
        /// Rank of the step size.
        dt_rank: u32,
    },
    /// State space with heads (Granite 4, Falcon-H1).
    Mamba2 {
        /// Width inside the layer.
        inner: u32,
        /// States of one channel.
        state: u32,
        /// Tokens that the convolution sees.
        conv: u32,
        /// Groups of heads that share their input projections.
        groups: u32,
        /// Heads.
        heads: u32,
    },
    /// Linear attention with a gated delta rule (Qwen3-Next).
    GatedDelta {
        /// Heads of keys and queries.
        key_heads: u32,
        /// Heads of values.
        value_heads: u32,
        /// Values in one key head.
        key_dim: u32,
        /// Values in one value head.
        value_dim: u32,
        /// Tokens that the convolution sees.
        conv: u32,
    },
}

impl Recurrent {
    pub(super) fn validate(&self) -> Result<(), SizingError> {
        let (wide, small) = match self.kind {
            RecurrentKind::Mamba { inner, state, conv, dt_rank } => {
                (inner, vec![("stateSize", state), ("convolution", conv), ("timeStepRank", dt_rank)])
            }
            RecurrentKind::Mamba2 { inner, state, conv, groups, heads } => (
                inner,
                vec![
                    ("stateSize", state),
                    ("convolution", conv),
                    ("stateGroups", groups),
                    ("stateHeads", heads),
                ],
            ),
            RecurrentKind::GatedDelta { key_heads, value_heads, key_dim, value_dim, conv } => (
                key_heads,
                vec![
                    ("linearKeyHeads", key_heads),
                    ("linearValueHeads", value_heads),
                    ("linearKeyDim", key_dim),
                    ("linearValueDim", value_dim),
                    ("convolution", conv),
                ],
            ),
        };
        within("stateInner", wide, MAX_DIMENSION)?;
        small.into_iter().try_for_each(|(field, value)| within(field, value, MAX_SMALL_DIMENSION))
    }
}
