//! Integers packed into 32-bit words with a scale for each group of inputs: GPTQ, AWQ, `compressed-tensors`.

use super::Shape;

/// Bits of the words that integers are packed into.
const WORD_BITS: u64 = 32;
/// Scales are 16-bit floats.
const SCALE: u64 = 2;

/// Integers of a few bits, with a scale for each group.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Groups {
    /// Bits of one integer: 2, 3, 4 or 8.
    pub bits: u32,
    /// Inputs that share a scale; 0: all of them (`group_size: -1`).
    pub size: u32,
}

impl Groups {
    /// Groups of that many inputs.
    pub const fn new(bits: u32, size: u32) -> Self {
        Self { bits, size }
    }

    fn words(self, values: u64) -> u64 {
        values.saturating_mul(self.bits.into()).div_ceil(WORD_BITS)
    }

    fn count(self, inputs: u64) -> u64 {
        if self.size == 0 { 1 } else { inputs.div_ceil(self.size.into()) }
    }
}

/// What is stored beside the packed integers and their scales.
#[derive(Clone, Copy)]
pub(super) enum Beside {
    /// GPTQ: a packed zero point for each scale, and the group of each input (`g_idx`).
    ZerosAndOrder,
    /// AWQ: a packed zero point for each scale.
    Zeros,
    /// `pack-quantized`: the shape as two 64-bit integers.
    OwnShape,
}

/// `qweight`, `scales` and what stands beside them.
pub(super) fn stored(groups: Groups, beside: Beside, shape: Shape) -> Vec<u64> {
    let bytes = WORD_BITS / 8;
    let count = groups.count(shape.input);
    let weights = groups.words(shape.input).saturating_mul(shape.output).saturating_mul(bytes);
    let scales = count.saturating_mul(shape.output).saturating_mul(SCALE);
    let zeros = count.saturating_mul(groups.words(shape.output)).saturating_mul(bytes);
    match beside {
        Beside::ZerosAndOrder => vec![weights, scales, zeros, shape.input.saturating_mul(bytes)],
        Beside::Zeros => vec![weights, scales, zeros],
        Beside::OwnShape => vec![weights, scales, 16],
    }
}
