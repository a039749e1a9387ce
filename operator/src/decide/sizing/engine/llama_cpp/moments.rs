//! The widest moment inside a layer.

use super::compute::{FLOAT, TERM};
use super::pass::Pass;
use super::state;
use crate::decide::sizing::{Architecture, Attention, Bytes, Experts, RecurrentKind, SizingError};

/// What lives at the widest moment inside any layer.
pub(super) fn widest(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    let feed_forward = 3 * u64::from(a.feed_forward.size);
    let experts = a.feed_forward.experts.map_or(0, |experts| of_experts(&experts, a.hidden.into()));
    let of_tokens = Bytes::product(&[feed_forward.max(experts), pass.tokens, FLOAT], TERM)?;
    Ok(of_tokens.max(attention(a, pass)?).max(recurrence(a, pass)?))
}

/// Gate, up and their product, of every expert that a token uses; or what these give, before and after it is
/// weighted, and the sum. The same for what all tokens share.
fn of_experts(experts: &Experts, hidden: u64) -> u64 {
    let [used, size, shared] = [experts.used, experts.size, experts.shared_size].map(u64::from);
    (3 * used * size).max((2 * used + 1) * hidden).max(3 * shared)
}

/// Fused: queries and what attention makes of them. Unfused: what every head thinks of every cell, and queries
/// thrice. Latent attention has queries before and after they are brought into the space of compressed keys.
fn attention(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    let (attention, queries) = (a.attention, a.attention.query_width());
    let width = match (attention, pass.flash_attention) {
        (Attention::Latent { heads, .. }, _) => 2 * u64::from(heads) * attention.cached_width() + queries,
        (Attention::Grouped { .. }, true) => 2 * queries,
        (Attention::Grouped { .. }, false) => 3 * queries,
    };
    let width = Bytes::product(&[width, pass.tokens, FLOAT], TERM)?;
    if pass.flash_attention {
        return Ok(width);
    }
    let scores = [u64::from(attention.heads()), pass.sequence_cells, pass.tokens, FLOAT];
    width.plus(Bytes::product(&scores, TERM)?, TERM)
}

/// What the input is projected to, the convolution's input and output, and what comes out; and the state of
/// every sequence, before and after.
fn recurrence(a: &Architecture, pass: &Pass) -> Result<Bytes, SizingError> {
    let Some(recurrent) = &a.recurrent else { return Ok(Bytes::default()) };
    let (projected, inner) = match recurrent.kind {
        RecurrentKind::Mamba { inner, .. } => (2 * u64::from(inner), u64::from(inner)),
        RecurrentKind::Mamba2 { inner, heads, .. } => {
            (u64::from(inner) + state::convolved(recurrent.kind) + u64::from(heads), u64::from(inner))
        }
        RecurrentKind::GatedDelta { value_heads, value_dim, .. } => {
            let values = u64::from(value_heads) * u64::from(value_dim);
            (values + state::convolved(recurrent.kind), values)
        }
    };
    let width = projected + 2 * state::convolved(recurrent.kind) + inner;
    let states = Bytes::product(&[2, state::values(recurrent.kind)?, pass.sequences, FLOAT], TERM)?;
    Bytes::product(&[width, pass.tokens, FLOAT], TERM)?.plus(states, TERM)
}
