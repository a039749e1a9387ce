//! The dimensions of a model.

mod attention;
mod feed_forward;
mod layers;
mod recurrent;

use super::{Family, SizingError};

pub use attention::{Attention, Sliding};
pub use feed_forward::{Experts, FeedForward};
pub use layers::Layers;
pub use recurrent::{Recurrent, RecurrentKind};

/// No dimension of a published model comes near this; it keeps row and matrix sizes inside 64 bits.
const MAX_DIMENSION: u32 = 1 << 24;
/// Likewise for dimensions that are multiplied by two others.
const MAX_SMALL_DIMENSION: u32 = 1 << 16;
/// Likewise for layers, which an estimate walks one by one.
const MAX_LAYERS: u32 = 4096;

/// The dimensions that decide how much memory a model takes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Architecture {
    /// What a layer has besides the parts below: biases, extra norms, fused matrices.
    pub family: Family,
    /// Blocks.
    pub layers: u32,
    /// Width of the residual stream.
    pub hidden: u32,
    /// Entries of the vocabulary, padding included.
    pub vocab: u32,
    /// What attention keeps of each token.
    pub attention: Attention,
    /// Layers that attend to a window only.
    pub sliding: Option<Sliding>,
    /// Layers that keep a state of fixed size.
    pub recurrent: Option<Recurrent>,
    /// The feed-forward part.
    pub feed_forward: FeedForward,
    /// Whether the output projection is the token embedding.
    pub tied_embeddings: bool,
    /// Tokens the model was trained for.
    pub context_window: u32,
    /// The part that turns images into tokens.
    pub vision: Option<Vision>,
}

/// A vision tower with its projector.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vision {
    /// Parameters of both.
    pub parameters: u64,
}

impl Architecture {
    /// Checks that the dimensions can belong to a model.
    pub fn validate(&self) -> Result<(), SizingError> {
        within("layers", self.layers, MAX_LAYERS)?;
        within("hidden", self.hidden, MAX_DIMENSION)?;
        within("vocab", self.vocab, MAX_DIMENSION)?;
        within("contextWindow", self.context_window, u32::MAX)?;
        self.feed_forward.validate()?;
        self.attention.validate()?;
        self.sliding.iter().try_for_each(Sliding::validate)?;
        self.recurrent.iter().try_for_each(Recurrent::validate)
    }

    /// Whether the layer keeps keys and values.
    pub fn attends(&self, layer: u32) -> bool {
        !self.recurs(layer) || self.family.attends_beside_recurrence()
    }

    /// Whether the layer keeps a recurrent state.
    pub fn recurs(&self, layer: u32) -> bool {
        self.recurrent.as_ref().is_some_and(|recurrent| recurrent.layers.contains(layer))
    }

    /// The window that bounds what the layer attends to, if one does.
    pub fn window(&self, layer: u32) -> Option<u32> {
        self.sliding.as_ref().filter(|sliding| sliding.layers.contains(layer)).map(|sliding| sliding.window)
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
