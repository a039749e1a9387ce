//! How a model's weights are stored.

use super::checkpoint::Format;
use super::{Bytes, Quantization};

/// How a model's weights are stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weights {
    /// In a GGUF file of this quantization.
    Gguf(Quantization),
    /// In a checkpoint (safetensors) of this format.
    Checkpoint(Format),
    /// In a file whose size is known.
    Given {
        /// All tensors.
        bytes: Bytes,
        /// Of these, what llama.cpp leaves in host memory: an input embedding that is not tied.
        host_bytes: Bytes,
    },
}

impl From<Quantization> for Weights {
    fn from(quantization: Quantization) -> Self {
        Self::Gguf(quantization)
    }
}

impl From<Format> for Weights {
    fn from(format: Format) -> Self {
        Self::Checkpoint(format)
    }
}
