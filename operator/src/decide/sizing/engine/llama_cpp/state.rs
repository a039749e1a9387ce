//! The state of recurrent layers.

use crate::decide::sizing::{Architecture, Bytes, RecurrentKind, SizingError};

const TERM: &str = "recurrent state";
/// The state is kept in 32-bit floats, whatever the cache's type.
const FLOAT: u64 = 4;

/// Memory of the state of all sequences in every recurrent layer of a validated model. It does not grow with
/// the context.
pub(super) fn state(a: &Architecture, sequences: u32) -> Result<Bytes, SizingError> {
    let Some(recurrent) = &a.recurrent else { return Ok(Bytes::default()) };
    let layers = (0..a.layers).filter(|layer| a.recurs(*layer)).count();
    let layers = u64::try_from(layers).unwrap_or(u64::MAX);
    Bytes::product(&[values(recurrent.kind)?, FLOAT, sequences.into(), layers], TERM)
}

/// Values of one sequence in one layer: what the convolution still needs of the last tokens, and the state
/// proper.
pub(super) fn values(kind: RecurrentKind) -> Result<u64, SizingError> {
    let (conv, state, channels) = match kind {
        RecurrentKind::Mamba { inner, state, conv, .. }
        | RecurrentKind::Mamba2 { inner, state, conv, .. } => (conv, state, u64::from(inner)),
        RecurrentKind::GatedDelta { value_heads, key_dim, value_dim, conv, .. } => {
            (conv, key_dim, u64::from(value_heads) * u64::from(value_dim))
        }
    };
    let kept = Bytes::product(&[u64::from(conv.saturating_sub(1)), convolved(kind)], TERM)?;
    Bytes::product(&[u64::from(state), channels], TERM)?.plus(kept, TERM).map(Bytes::get)
}

/// Width of what the convolution reads.
pub(super) fn convolved(kind: RecurrentKind) -> u64 {
    match kind {
        RecurrentKind::Mamba { inner, .. } => inner.into(),
        RecurrentKind::Mamba2 { inner, state, groups, .. } => {
            u64::from(inner) + 2 * u64::from(groups) * u64::from(state)
        }
        RecurrentKind::GatedDelta { key_heads, value_heads, key_dim, value_dim, .. } => {
            u64::from(value_heads) * u64::from(value_dim) + 2 * u64::from(key_heads) * u64::from(key_dim)
        }
    }
}
