//! Qwen 3.

use super::super::architecture::Architecture;
use super::super::tensors::Tensor;
use super::llama;

/// A Llama layer and the norms of query and key heads.
pub(super) fn layer(a: &Architecture) -> Vec<Tensor> {
    let mut tensors = llama::layer(a);
    tensors.extend([u64::from(a.head_dim); 2].map(Tensor::vector));
    tensors
}
