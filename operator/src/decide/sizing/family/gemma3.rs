//! Gemma 3.

use super::super::architecture::Architecture;
use super::super::tensors::Tensor;
use super::gemma2;
use super::parts::head_norms;

/// A Gemma 2 layer and the norms of query and key heads.
pub(super) fn layer(a: &Architecture, index: u32) -> Vec<Tensor> {
    [gemma2::layer(a, index), head_norms(a)].concat()
}
