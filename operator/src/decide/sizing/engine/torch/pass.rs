//! Activations of one forward pass.

use crate::decide::sizing::{Architecture, Attention, Bytes, RecurrentKind, SizingError};

const TERM: &str = "activations";

/// Buffers of the residual stream's width that lie beside the widest moment of a layer: the residual, the normed
/// input, the attention's output, the layer's output.
const HIDDEN_BUFFERS: u64 = 4;

/// Memory of the widest moment of a pass over `tokens` tokens on one of `gpus` GPUs, with activations of `width`
/// bytes: PyTorch frees each buffer after its last use, so that only one layer counts.
pub(in crate::decide::sizing) fn activations(
    a: &Architecture,
    tokens: u64,
    width: u64,
    gpus: u64,
) -> Result<Bytes, SizingError> {
    let in_layer = feed_forward(a, gpus).max(attention(a, gpus)).max(recurrent(a, gpus));
    let values = in_layer.saturating_add(HIDDEN_BUFFERS * u64::from(a.hidden));
    Bytes::product(&[values, tokens, width], TERM)
}

/// Gate, up, and their product; for experts the same for each that a token uses, and what each returns.
fn feed_forward(a: &Architecture, gpus: u64) -> u64 {
    let shared = |size: u32| 3 * u64::from(size).div_ceil(gpus);
    let experts = a.feed_forward.experts.map_or(0, |experts| {
        let inner = u64::from(experts.size).div_ceil(gpus);
        let widest = (2 * inner).max(a.hidden.into()) + inner;
        (u64::from(experts.used) * widest).max(shared(experts.shared_size))
    });
    shared(a.feed_forward.size).max(experts)
}

/// Queries, keys and values as one matrix makes them, each once more as attention reads them, and its output.
fn attention(a: &Architecture, gpus: u64) -> u64 {
    let kv = match a.attention {
        Attention::Grouped { kv_heads, head_dim, .. } => {
            u64::from(kv_heads).div_ceil(gpus) * u64::from(head_dim)
        }
        Attention::Latent { .. } => a.attention.kv_width().div_ceil(gpus),
    };
    2 * (a.attention.query_width().div_ceil(gpus) + 2 * kv) + a.attention.output_width().div_ceil(gpus)
}

/// What the input projection makes, and the same after the convolution.
fn recurrent(a: &Architecture, gpus: u64) -> u64 {
    let width = |kind: &RecurrentKind| match *kind {
        RecurrentKind::Mamba { inner, .. } => 2 * u64::from(inner),
        RecurrentKind::Mamba2 { inner, state, groups, heads, .. } => {
            2 * u64::from(inner) + 2 * u64::from(groups) * u64::from(state) + u64::from(heads)
        }
        RecurrentKind::GatedDelta { key_heads, value_heads, key_dim, value_dim, .. } => {
            2 * u64::from(key_heads) * u64::from(key_dim) + 2 * u64::from(value_heads) * u64::from(value_dim)
        }
    };
    a.recurrent.as_ref().map_or(0, |recurrent| 2 * width(&recurrent.kind).div_ceil(gpus))
}
