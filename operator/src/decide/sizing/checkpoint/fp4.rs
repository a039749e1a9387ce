//! 4-bit floats: MXFP4 (gpt-oss) and NVFP4 (`ModelOpt`, `compressed-tensors`).

use super::Shape;

/// MXFP4: an 8-bit exponent for each 32 values.
const MX_BLOCK: u64 = 32;
/// NVFP4: an 8-bit float for each 16 values, and one 32-bit float for the matrix.
const NV_BLOCK: u64 = 16;

/// Values and exponents.
pub(super) fn mxfp4(shape: Shape) -> Vec<u64> {
    vec![shape.values().div_ceil(2), blocks(MX_BLOCK, shape)]
}

/// Values, scales and the scale of scales.
pub(super) fn nvfp4(shape: Shape) -> Vec<u64> {
    vec![shape.values().div_ceil(2), blocks(NV_BLOCK, shape), 4]
}

fn blocks(size: u64, shape: Shape) -> u64 {
    shape.input.div_ceil(size).saturating_mul(shape.output)
}
