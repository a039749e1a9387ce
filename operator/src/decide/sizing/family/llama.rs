//! Llama: the layer that other families vary.

use super::super::architecture::Architecture;
use super::super::tensors::Tensor;
use super::parts::{attention, feed_forward, norms};

/// A norm before attention and one before the feed-forward part.
pub(super) fn layer(a: &Architecture, _index: u32) -> Vec<Tensor> {
    [norms(a, 2), attention(a), feed_forward(a)].concat()
}
