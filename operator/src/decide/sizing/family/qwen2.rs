//! Qwen 2 and 2.5.

use super::super::architecture::Architecture;
use super::super::tensors::Tensor;
use super::llama;
use super::parts::{query_key_value_biases, shared_expert_gate};

/// A Llama layer, the biases of query, key and value, and a gate for what all tokens share.
pub(super) fn layer(a: &Architecture, index: u32) -> Vec<Tensor> {
    [llama::layer(a, index), query_key_value_biases(a), shared_expert_gate(a, index)].concat()
}
