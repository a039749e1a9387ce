//! Qwen 2 and 2.5.

use super::super::architecture::Architecture;
use super::super::tensors::Tensor;
use super::llama;

/// A Llama layer and the biases of query, key and value.
pub(super) fn layer(a: &Architecture) -> Vec<Tensor> {
    let mut tensors = llama::layer(a);
    tensors.extend([a.query_width(), a.kv_width(), a.kv_width()].map(Tensor::vector));
    tensors
}
