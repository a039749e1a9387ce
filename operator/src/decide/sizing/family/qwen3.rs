//! Qwen 3.

use super::super::architecture::Architecture;
use super::super::tensors::Tensor;
use super::llama;

/// A Llama layer and the norms of query and key heads.
pub(super) fn layer(a: &Architecture, index: u32) -> Vec<Tensor> {
    let mut tensors = llama::layer(a, index);
    tensors.extend([a.attention.key_dim(); 2].map(Tensor::vector));
    tensors
}
