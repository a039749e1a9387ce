//! Heads of GGUF files: metadata and the list of tensors.
//!
//! The layout is that of docs/gguf.md in ggml, versions 2 and 3: magic, version, two counts, metadata (key,
//! type, value), then one record per tensor. [`Parser`] is fed bytes and says from which offset it wants more;
//! what nobody needs (chat templates, tokens, merges) is passed over without being kept.

mod architecture;
mod entry;
mod error;
mod file_type;
mod head;
mod input;
mod metadata;
mod names;
mod parser;
mod tensor_type;
mod tensors;
#[cfg(test)]
mod tests;
mod value;

pub use architecture::architecture;
pub use error::GgufError;
pub(super) use file_type::quantization;
pub use head::Head;
pub use metadata::Metadata;
pub use parser::{Parser, Progress};
pub use tensor_type::TensorType;
pub use tensors::Tensors;
pub use value::Value;
