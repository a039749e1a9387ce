//! Phi-3.

use super::super::architecture::Architecture;
use super::super::tensors::{Role, Tensor};

/// Query, key and value are one matrix, and so are gate and up.
pub(super) fn layer(a: &Architecture) -> Vec<Tensor> {
    let (hidden, ffn) = (u64::from(a.hidden), u64::from(a.ffn));
    vec![
        Tensor::vector(hidden),
        Tensor::matrix(Role::Fused, hidden, a.query_width() + 2 * a.kv_width()),
        Tensor::matrix(Role::AttentionOutput, a.query_width(), hidden),
        Tensor::vector(hidden),
        Tensor::matrix(Role::GateUp, hidden, 2 * ffn),
        Tensor::matrix(Role::Down, ffn, hidden),
    ]
}
