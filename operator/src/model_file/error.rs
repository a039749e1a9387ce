//! Why nothing was learned from a file.

use super::gguf::GgufError;
use super::read::ReadError;
use super::safetensors::SafetensorsError;

/// What is wrong, in words that say what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ModelFileError {
    /// The file cannot be read.
    #[error(transparent)]
    Read(#[from] ReadError),
    /// It is no usable GGUF file.
    #[error("{name}: {error}")]
    Gguf {
        /// The file.
        name: String,
        /// What is wrong with it.
        #[source]
        error: GgufError,
    },
    /// It is no usable safetensors file or index.
    #[error("{name}: {error}")]
    Safetensors {
        /// The file.
        name: String,
        /// What is wrong with it.
        #[source]
        error: SafetensorsError,
    },
    /// It is no model file.
    #[error("{name} is {found}; give a GGUF or safetensors file")]
    Format {
        /// The file.
        name: String,
        /// What it is instead.
        found: &'static str,
    },
}
