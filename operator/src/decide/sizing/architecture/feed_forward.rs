//! The feed-forward part of a layer.

use super::{MAX_DIMENSION, MAX_LAYERS, MAX_SMALL_DIMENSION, within};
use crate::decide::sizing::SizingError;

/// The feed-forward part of a model's layers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FeedForward {
    /// Inner width of layers without experts; 0 if every layer has experts.
    pub size: u32,
    /// Layers that choose among experts.
    pub experts: Option<Experts>,
}

impl FeedForward {
    /// The same width in every layer, no experts.
    pub const fn dense(size: u32) -> Self {
        Self { size, experts: None }
    }

    /// The experts of a layer, if it has any.
    pub fn experts(&self, layer: u32) -> Option<Experts> {
        self.experts.filter(|experts| {
            layer >= experts.dense_layers && layer.wrapping_add(1).checked_rem(experts.every) == Some(0)
        })
    }

    pub(super) fn validate(&self) -> Result<(), SizingError> {
        if self.size > 0 || self.experts.is_none_or(|experts| experts.dense_layers > 0 || experts.every > 1) {
            within("ffn", self.size, MAX_DIMENSION)?;
        }
        self.experts.iter().try_for_each(Experts::validate)
    }
}

/// Experts, of which each token uses a few. All of them take memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Experts {
    /// How many there are in a layer.
    pub count: u32,
    /// How many a token uses.
    pub used: u32,
    /// Inner width of one.
    pub size: u32,
    /// Inner width of what every token uses besides; 0 if there is none.
    pub shared_size: u32,
    /// Leading layers without experts.
    pub dense_layers: u32,
    /// Of how many layers the last has experts: 1 where all have, 2 for Jamba.
    pub every: u32,
}

impl Experts {
    fn validate(&self) -> Result<(), SizingError> {
        within("experts", self.count, MAX_SMALL_DIMENSION)?;
        within("expertsUsed", self.used, self.count)?;
        within("expertSize", self.size, MAX_DIMENSION)?;
        within("sharedExpertSize", self.shared_size.max(1), MAX_DIMENSION)?;
        within("denseLayers", self.dense_layers.max(1), MAX_LAYERS)?;
        within("expertsEvery", self.every, MAX_LAYERS)
    }
}
