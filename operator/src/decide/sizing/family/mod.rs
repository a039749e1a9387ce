//! Model families: which tensors one layer has.

mod llama;
mod phi3;
mod qwen2;
mod qwen3;

use super::architecture::Architecture;
use super::tensors::Tensor;

/// Models whose layers have the same tensors, named after llama.cpp's architectures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Llama 2 and 3, Mistral, `SmolLM2`: separate projections, no biases.
    Llama,
    /// Qwen 2 and 2.5: as Llama, with biases on query, key and value.
    Qwen2,
    /// Qwen 3: as Llama, with norms on query and key heads.
    Qwen3,
    /// Phi-3: query, key and value fused, gate and up fused.
    Phi3,
}

impl Family {
    /// The tensors of one layer.
    pub(super) fn layer(self, architecture: &Architecture) -> Vec<Tensor> {
        let layer = match self {
            Self::Llama => llama::layer,
            Self::Qwen2 => qwen2::layer,
            Self::Qwen3 => qwen3::layer,
            Self::Phi3 => phi3::layer,
        };
        layer(architecture)
    }
}
