//! Heads of safetensors files, and indices of models of several such files.
//!
//! A file is a length of 8 bytes, a JSON object of that length with a type, a shape and a place for each tensor,
//! then the data. An index names the file of each tensor, and the size of all.

mod dtype;
mod error;
mod header;
mod index;
#[cfg(test)]
mod tests;

pub use error::SafetensorsError;
pub use header::{Header, LENGTH_BYTES, header_length};
pub use index::Index;
