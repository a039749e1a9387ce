//! Gemma 2.

use super::super::architecture::Architecture;
use super::super::tensors::Tensor;
use super::llama;
use super::parts::norms;

/// A Llama layer, and norms after attention and after the feed-forward part.
pub(super) fn layer(a: &Architecture, index: u32) -> Vec<Tensor> {
    [llama::layer(a, index), norms(a, 2)].concat()
}
