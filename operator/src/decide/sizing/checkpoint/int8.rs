//! 8-bit integers with a scale for each output: `bitsandbytes` (`SCB`) and `compressed-tensors` W8A8.

use super::Shape;

/// Scales are 32-bit floats.
const SCALE: u64 = 4;

/// The values and their scales.
pub(super) fn stored(shape: Shape) -> Vec<u64> {
    vec![shape.values(), shape.output.saturating_mul(SCALE)]
}
