//! Qwen 2 and 2.5.

use super::super::architecture::Architecture;
use super::super::tensors::Tensor;
use super::llama;

/// A Llama layer and the biases of query, key and value.
pub(super) fn layer(a: &Architecture, index: u32) -> Vec<Tensor> {
    let mut tensors = llama::layer(a, index);
    tensors.extend(
        [a.attention.query_width(), a.attention.kv_width(), a.attention.kv_width()].map(Tensor::vector),
    );
    tensors
}
