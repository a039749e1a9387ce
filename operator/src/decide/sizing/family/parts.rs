//! The parts that layers of several families share.

use super::super::architecture::{Architecture, Attention, Experts};
use super::super::tensors::{Role, Tensor};
use super::recurrent;

/// Recurrence where the layer has it, else attention.
pub(super) fn mixer(a: &Architecture, index: u32) -> Vec<Tensor> {
    match &a.recurrent {
        Some(recurrent) if a.recurs(index) => recurrent::tensors(a.hidden.into(), recurrent.kind),
        _ => attention(a),
    }
}

/// The projections of attention.
pub(super) fn attention(a: &Architecture) -> Vec<Tensor> {
    let (hidden, attention) = (u64::from(a.hidden), a.attention);
    let output = Tensor::matrix(Role::AttentionOutput, attention.output_width(), hidden);
    match attention {
        Attention::Grouped { .. } => vec![
            Tensor::matrix(Role::Query, hidden, attention.query_width()),
            Tensor::matrix(Role::Key, hidden, attention.kv_width()),
            Tensor::matrix(Role::Value, hidden, attention.kv_width()),
            output,
        ],
        Attention::Latent { heads, query_rank, kv_rank, nope_dim, rope_dim, value_dim } => {
            let [heads, rank, nope, rope, value] =
                [heads, kv_rank, nope_dim, rope_dim, value_dim].map(u64::from);
            let query = match query_rank.map(u64::from) {
                None => vec![Tensor::matrix(Role::Query, hidden, attention.query_width())],
                Some(query_rank) => vec![
                    Tensor::matrix(Role::Other, hidden, query_rank),
                    Tensor::vector(query_rank),
                    Tensor::matrix(Role::Other, query_rank, attention.query_width()),
                ],
            };
            let compressed = vec![
                Tensor::matrix(Role::Other, hidden, rank + rope),
                Tensor::vector(rank),
                Tensor::stack(Role::Other, nope, rank, heads),
                Tensor::stack(Role::Other, rank, value, heads),
                output,
            ];
            [query, compressed].concat()
        }
    }
}

/// Biases of query, key and value.
pub(super) fn query_key_value_biases(a: &Architecture) -> Vec<Tensor> {
    [a.attention.query_width(), a.attention.kv_width(), a.attention.kv_width()].map(Tensor::vector).to_vec()
}

/// Norms of query and key heads.
pub(super) fn head_norms(a: &Architecture) -> Vec<Tensor> {
    vec![Tensor::vector(a.attention.key_dim()); 2]
}

/// Gate, up and down projections; of every expert, with their router, where the layer has experts.
pub(super) fn feed_forward(a: &Architecture, index: u32) -> Vec<Tensor> {
    match a.feed_forward.experts(index) {
        None => gate_up_down(a.hidden.into(), a.feed_forward.size.into()),
        Some(experts) => experts_of(a.hidden.into(), &experts),
    }
}

fn gate_up_down(hidden: u64, size: u64) -> Vec<Tensor> {
    vec![
        Tensor::matrix(Role::GateUp, hidden, size),
        Tensor::matrix(Role::GateUp, hidden, size),
        Tensor::matrix(Role::Down, size, hidden),
    ]
}

fn experts_of(hidden: u64, experts: &Experts) -> Vec<Tensor> {
    let [count, size, shared] = [experts.count, experts.size, experts.shared_size].map(u64::from);
    let mut tensors = vec![
        Tensor::floats(hidden, count),
        Tensor::stack(Role::GateUp, hidden, size, count),
        Tensor::stack(Role::GateUp, hidden, size, count),
        Tensor::stack(Role::Down, size, hidden, count),
    ];
    if shared > 0 {
        tensors.extend(gate_up_down(hidden, shared));
    }
    tensors
}

/// The vector that weighs what every token uses besides its experts, in Qwen's models.
pub(super) fn shared_expert_gate(a: &Architecture, index: u32) -> Vec<Tensor> {
    let shares = a.feed_forward.experts(index).is_some_and(|experts| experts.shared_size > 0);
    if shares { norms(a, 1) } else { Vec::new() }
}

/// So many norms of the residual stream.
pub(super) fn norms(a: &Architecture, count: usize) -> Vec<Tensor> {
    vec![Tensor::vector(a.hidden.into()); count]
}
