//! Qwen 3.

use super::super::architecture::Architecture;
use super::super::tensors::Tensor;
use super::llama;
use super::parts::head_norms;

/// A Llama layer and the norms of query and key heads.
pub(super) fn layer(a: &Architecture, index: u32) -> Vec<Tensor> {
    [llama::layer(a, index), head_norms(a)].concat()
}
