//! Llama: the layer that other families vary.

use super::super::architecture::Architecture;
use super::super::tensors::Tensor;
use super::parts::{feed_forward, mixer, norms};

/// A norm before attention or recurrence, and one before the feed-forward part.
pub(super) fn layer(a: &Architecture, index: u32) -> Vec<Tensor> {
    [norms(a, 2), mixer(a, index), feed_forward(a, index)].concat()
}
