//! What a model's own file says about it: dimensions, weights, quantization.
//!
//! A file is read through [`ReadAt`](read::ReadAt), so that a file of 40 GB costs a few hundred KB wherever it
//! lies. Parsers are pure: they are fed bytes and ask for more, and every length they find in a file is bounded
//! before it is believed.

pub mod config_json;
mod conflict;
mod detect;
mod error;
mod facts;
pub mod gguf;
mod guess;
mod learn;
mod load;
mod note;
pub mod read;
pub mod safetensors;
#[cfg(test)]
pub(crate) mod testing;
#[cfg(test)]
mod tests;

pub use conflict::{Conflict, Declared, conflicts};
pub use error::ModelFileError;
pub use facts::{FileWeights, Format, ModelFile};
pub use note::Note;
