//! Recurrent state of all sequences.

use crate::decide::sizing::{Architecture, Bytes, RecurrentKind, SizingError};

const TERM: &str = "recurrent state";
/// The state itself is kept in 32-bit floats, the convolution's window in 16-bit ones.
const STATE: u64 = 4;
const WINDOW: u64 = 2;

/// Bytes of one sequence in one layer, all GPUs together. Widths are validated to stay inside 64 bits.
fn of_layer(kind: &RecurrentKind) -> u64 {
    let wide = u64::from;
    match *kind {
        RecurrentKind::Mamba { inner, state, conv, .. } => {
            wide(inner) * (wide(state) * STATE + wide(conv - 1) * WINDOW)
        }
        RecurrentKind::Mamba2 { inner, state, conv, groups, .. } => {
            let convolved = wide(inner) + 2 * wide(groups) * wide(state);
            wide(inner) * wide(state) * STATE + convolved * wide(conv - 1) * WINDOW
        }
        RecurrentKind::GatedDelta { key_heads, value_heads, key_dim, value_dim, conv } => {
            let values = wide(value_heads) * wide(value_dim);
            let convolved = 2 * wide(key_heads) * wide(key_dim) + values;
            (values * wide(key_dim)).saturating_mul(STATE) + convolved * wide(conv - 1) * WINDOW
        }
    }
}

/// Memory on one of `gpus` GPUs, which share the heads of each layer.
pub(in crate::decide::sizing) fn state(
    a: &Architecture,
    sequences: u64,
    gpus: u64,
) -> Result<Bytes, SizingError> {
    let Some(recurrent) = &a.recurrent else { return Ok(Bytes::default()) };
    let layers = (0..a.layers).map(|layer| u64::from(a.recurs(layer))).sum();
    Bytes::product(&[of_layer(&recurrent.kind).div_ceil(gpus), layers, sequences], TERM)
}
