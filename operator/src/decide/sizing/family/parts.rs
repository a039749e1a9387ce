//! The parts that layers of several families share.

use super::super::architecture::Architecture;
use super::super::tensors::{Role, Tensor};

/// Separate projections of query, key, value and output.
pub(super) fn attention(a: &Architecture) -> Vec<Tensor> {
    let (hidden, attention) = (u64::from(a.hidden), a.attention);
    vec![
        Tensor::matrix(Role::Query, hidden, attention.query_width()),
        Tensor::matrix(Role::Key, hidden, attention.kv_width()),
        Tensor::matrix(Role::Value, hidden, attention.kv_width()),
        Tensor::matrix(Role::AttentionOutput, attention.output_width(), hidden),
    ]
}

/// Gate, up and down projections.
pub(super) fn feed_forward(a: &Architecture) -> Vec<Tensor> {
    let (hidden, size) = (u64::from(a.hidden), u64::from(a.feed_forward.size));
    vec![
        Tensor::matrix(Role::GateUp, hidden, size),
        Tensor::matrix(Role::GateUp, hidden, size),
        Tensor::matrix(Role::Down, size, hidden),
    ]
}

/// So many norms of the residual stream.
pub(super) fn norms(a: &Architecture, count: usize) -> Vec<Tensor> {
    vec![Tensor::vector(a.hidden.into()); count]
}
