//! The tensors of recurrent layers.

use super::super::architecture::RecurrentKind;
use super::super::tensors::{Role, Tensor};

/// The tensors of one layer of that kind, norms of the residual stream left out.
pub(super) fn tensors(hidden: u64, kind: RecurrentKind) -> Vec<Tensor> {
    match kind {
        RecurrentKind::Mamba { inner, state, conv, dt_rank } => {
            mamba(hidden, [inner, state, conv, dt_rank].map(u64::from))
        }
        RecurrentKind::Mamba2 { inner, state, conv, groups, heads } => {
            mamba2(hidden, [inner, state, conv, groups, heads].map(u64::from))
        }
        RecurrentKind::GatedDelta { key_heads, value_heads, key_dim, value_dim, conv } => {
            gated_delta(hidden, [key_heads, value_heads, key_dim, value_dim, conv].map(u64::from))
        }
    }
}

fn mamba(hidden: u64, [inner, state, conv, rank]: [u64; 4]) -> Vec<Tensor> {
    vec![
        Tensor::matrix(Role::Other, hidden, 2 * inner),
        Tensor::floats(conv, inner),
        Tensor::vector(inner),
        Tensor::matrix(Role::Other, inner, rank + 2 * state),
        Tensor::vector(rank),
        Tensor::matrix(Role::Other, rank, inner),
        Tensor::vector(inner),
        Tensor::vector(state),
        Tensor::vector(state),
        Tensor::floats(state, inner),
        Tensor::vector(inner),
        Tensor::matrix(Role::Other, inner, hidden),
    ]
}

fn mamba2(hidden: u64, [inner, state, conv, groups, heads]: [u64; 5]) -> Vec<Tensor> {
    let convolved = inner + 2 * groups * state;
    vec![
        Tensor::matrix(Role::Other, hidden, inner + convolved + heads),
        Tensor::floats(conv, convolved),
        Tensor::vector(convolved),
        Tensor::vector(heads),
        Tensor::vector(heads),
        Tensor::vector(heads),
        Tensor::vector(inner),
        Tensor::matrix(Role::Other, inner, hidden),
    ]
}

fn gated_delta(hidden: u64, [key_heads, value_heads, key_dim, value_dim, conv]: [u64; 5]) -> Vec<Tensor> {
    let (keys, values) = (key_heads * key_dim, value_heads * value_dim);
    vec![
        Tensor::matrix(Role::Fused, hidden, 2 * keys + values),
        Tensor::matrix(Role::Other, hidden, values),
        Tensor::floats(conv, 2 * keys + values),
        Tensor::vector(value_heads),
        Tensor::vector(value_heads),
        Tensor::matrix(Role::Other, hidden, 2 * value_heads),
        Tensor::vector(value_dim),
        Tensor::matrix(Role::Other, values, hidden),
    ]
}
