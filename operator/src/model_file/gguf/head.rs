//! What the head of a GGUF file says.

use super::{Metadata, Tensors};

/// Metadata, and the sum of the tensors if reading went that far.
#[derive(Clone, Debug, PartialEq)]
pub struct Head {
    /// The version of the format, 2 or 3.
    pub version: u32,
    /// Keys and values.
    pub metadata: Metadata,
    /// Entries of the vocabulary.
    pub vocabulary: Option<u64>,
    /// What the list of tensors adds up to; `None` if reading stopped before.
    pub tensors: Option<Tensors>,
    /// Where reading stopped: a lower bound of the size of metadata and tensor list.
    pub read_to: u64,
}

impl Head {
    /// The architecture's name.
    pub fn architecture_name(&self) -> Option<&str> {
        self.metadata.text(ARCHITECTURE).ok().flatten()
    }
}

/// Names the architecture, whose keys start with that name.
pub(super) const ARCHITECTURE: &str = "general.architecture";
/// Every tensor starts at a multiple of this.
pub(super) const ALIGNMENT: &str = "general.alignment";
/// The array of tokens.
pub(super) const TOKENS: &str = "tokenizer.ggml.tokens";
