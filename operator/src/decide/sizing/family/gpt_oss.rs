//! gpt-oss.

use super::super::architecture::Architecture;
use super::super::tensors::Tensor;
use super::llama;
use super::parts::{norms, query_key_value_biases};

/// A Llama layer, a sink for each head, and biases everywhere.
pub(super) fn layer(a: &Architecture, index: u32) -> Vec<Tensor> {
    let mut tensors = [llama::layer(a, index), query_key_value_biases(a), norms(a, 1)].concat();
    tensors.push(Tensor::vector(a.attention.heads().into()));
    if let Some(experts) = a.feed_forward.experts(index) {
        let (count, size) = (u64::from(experts.count), u64::from(experts.size));
        tensors.push(Tensor::vector(count));
        tensors.extend([size, size, a.hidden.into()].map(|row| Tensor::floats(row, count)));
    }
    tensors
}
