//! Phi-3.

use super::super::architecture::Architecture;
use super::super::tensors::{Role, Tensor};
use super::parts::norms;

/// Query, key and value are one matrix, and so are gate and up.
pub(super) fn layer(a: &Architecture, _index: u32) -> Vec<Tensor> {
    let (hidden, size) = (u64::from(a.hidden), u64::from(a.feed_forward.size));
    let attention = a.attention;
    let mut tensors = norms(a, 2);
    tensors.extend([
        Tensor::matrix(Role::Fused, hidden, attention.query_width() + 2 * attention.kv_width()),
        Tensor::matrix(Role::AttentionOutput, attention.output_width(), hidden),
        Tensor::matrix(Role::GateUp, hidden, 2 * size),
        Tensor::matrix(Role::Down, size, hidden),
    ]);
    tensors
}
