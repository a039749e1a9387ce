//! Weights as PyTorch holds them on one GPU.

use super::allocated;
use crate::decide::sizing::checkpoint::{self, Float, Format, Split};
use crate::decide::sizing::{Architecture, Attention, Bytes, SizingError, Weights};

const TERM: &str = "weights";

/// What is loaded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decide::sizing) enum Loading {
    /// A checkpoint of that format.
    Checkpoint(Format),
    /// Tensors of a known size, in 16-bit floats or smaller.
    Given(Bytes),
}

impl Loading {
    /// Engines on PyTorch load checkpoints; GGUF files they do not, or only on trial.
    pub(in crate::decide::sizing) const fn new(
        weights: Weights,
        engine: &'static str,
    ) -> Result<Self, SizingError> {
        match weights {
            Weights::Checkpoint(format) => Ok(Self::Checkpoint(format)),
            Weights::Given { bytes, .. } => Ok(Self::Given(bytes)),
            Weights::Gguf(quantization) => Err(SizingError::WeightsOfOtherEngine { quantization, engine }),
        }
    }

    /// Bytes of an activation.
    pub(in crate::decide::sizing) const fn activation_bytes(self) -> u64 {
        match self {
            Self::Checkpoint(format) => format.activation_bytes(),
            Self::Given(_) => Float::Bf16.bytes(),
        }
    }
}

/// Memory of the weights on one of `gpus` GPUs, with the table of rotary embeddings that vLLM and SGLang keep for
/// every position.
pub(in crate::decide::sizing) fn weights(
    a: &Architecture,
    loading: Loading,
    gpus: u32,
) -> Result<Bytes, SizingError> {
    let model = match loading {
        Loading::Given(bytes) => bytes.divided(gpus.into()),
        Loading::Checkpoint(format) => {
            let split = Split { gpus: gpus.into(), fused: true };
            checkpoint::sum(a, format, split, allocated)?
        }
    };
    let rotary = match a.attention {
        Attention::Grouped { head_dim, .. } => head_dim,
        Attention::Latent { rope_dim, .. } => rope_dim,
    };
    let table = [a.context_window.into(), rotary.into(), loading.activation_bytes()];
    model.plus(Bytes::product(&table, TERM)?, TERM)
}
