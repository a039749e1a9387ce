//! Falcon-H1.

use super::super::architecture::Architecture;
use super::super::tensors::Tensor;
use super::llama;
use super::parts::attention;

/// A Llama layer with recurrence, and attention beside that.
pub(super) fn layer(a: &Architecture, index: u32) -> Vec<Tensor> {
    let beside = if a.recurs(index) { attention(a) } else { Vec::new() };
    [llama::layer(a, index), beside].concat()
}
