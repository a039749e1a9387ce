//! Why there is no need to speak of.

use crate::decide::sizing::{self, SizingError, UnknownPreset};
use crate::kube_ext::QuantityError;

/// Why there is no need to speak of.
#[derive(Debug, thiserror::Error)]
pub enum NeedError {
    /// The preset is not in the catalogue.
    #[error("spec.model.{0}")]
    UnknownPreset(#[from] UnknownPreset),
    /// The estimator refuses the figures.
    #[error("the GPU memory cannot be computed: {0}")]
    Sizing(#[from] SizingError),
    /// A quantization or KV type that the estimator has no row for.
    #[error("the GPU memory cannot be computed: {0}")]
    UnknownName(#[from] sizing::UnknownName),
    /// The declared memory is no quantity.
    #[error("spec.placement.gpuMemory: {0}")]
    Quantity(#[from] QuantityError),
    /// More context than the model was trained for.
    #[error(
        "spec.context.maxTokens {asked} is more than the model's context window of {window} tokens: lower it"
    )]
    BeyondWindow {
        /// As the spec says.
        asked: u32,
        /// As the file, or else the spec, says.
        window: u32,
    },
    /// Nothing to compute from.
    #[error(
        "the GPU memory cannot be computed: set spec.model.quantization and either spec.model.preset or spec.model.architecture, or declare spec.placement.gpuMemory"
    )]
    Undescribed,
}
