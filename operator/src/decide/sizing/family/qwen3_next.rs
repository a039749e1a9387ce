//! Qwen3-Next.

use super::super::architecture::Architecture;
use super::super::tensors::{Role, Tensor};
use super::llama;
use super::parts::{head_norms, shared_expert_gate};

/// A Llama layer; where it attends, with norms of query and key heads and a gate as wide as all queries, which
/// is part of the query's matrix.
pub(super) fn layer(a: &Architecture, index: u32) -> Vec<Tensor> {
    let mut tensors = [llama::layer(a, index), shared_expert_gate(a, index)].concat();
    if a.attends(index) {
        tensors.push(Tensor::matrix(Role::Query, a.hidden.into(), a.attention.query_width()));
        tensors.extend(head_norms(a));
    }
    tensors
}
