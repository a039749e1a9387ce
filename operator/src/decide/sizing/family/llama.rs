//! Llama: the plain layer that other families vary.

use super::super::architecture::Architecture;
use super::super::tensors::{Role, Tensor};

/// Two norms, four attention projections, three feed-forward projections.
pub(super) fn layer(a: &Architecture) -> Vec<Tensor> {
    let (hidden, ffn) = (u64::from(a.hidden), u64::from(a.ffn));
    vec![
        Tensor::vector(hidden),
        Tensor::matrix(Role::Query, hidden, a.query_width()),
        Tensor::matrix(Role::Key, hidden, a.kv_width()),
        Tensor::matrix(Role::Value, hidden, a.kv_width()),
        Tensor::matrix(Role::AttentionOutput, a.query_width(), hidden),
        Tensor::vector(hidden),
        Tensor::matrix(Role::GateUp, hidden, ffn),
        Tensor::matrix(Role::GateUp, hidden, ffn),
        Tensor::matrix(Role::Down, ffn, hidden),
    ]
}
