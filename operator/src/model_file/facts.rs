//! What was learned from a model's file.

use super::Note;
use crate::decide::sizing::{Architecture, Bytes, Quantization, Weights};

/// What was learned from a model's file. What the file does not say is `None`, with a [`Note`] where that
/// matters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ModelFile {
    /// The container format.
    pub format: Format,
    /// The architecture's name as the file has it, such as `llama`.
    pub architecture_name: Option<String>,
    /// The dimensions.
    pub architecture: Option<Architecture>,
    /// The memory of the tensors.
    pub weights: Option<FileWeights>,
    /// The mixture of block formats, for GGUF files.
    pub quantization: Option<Quantization>,
    /// What the figures above rest on.
    pub notes: Vec<Note>,
}

/// The container format of a model's file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// llama.cpp's format: metadata and tensors in one file.
    Gguf,
    /// Tensors alone, or an index of several such files.
    Safetensors,
}

/// Memory of all tensors of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileWeights {
    /// All tensors.
    pub bytes: Bytes,
    /// The part of `bytes` that llama.cpp keeps in host memory: an input embedding that is not the output
    /// projection too.
    pub host_bytes: Bytes,
    /// Whether `bytes` is the sum of the tensors; else it is the file's length, less what was read of its
    /// metadata, and up to a few MiB too much.
    pub exact: bool,
}

impl From<FileWeights> for Weights {
    fn from(weights: FileWeights) -> Self {
        Self::Given { bytes: weights.bytes, host_bytes: weights.host_bytes }
    }
}
