//! `bitsandbytes` NF4 (and FP4): 4 bits a value, a scale for each block of 64.

use super::Shape;

/// Values that share a scale (`blocksize`).
const BLOCK: u64 = 64;
/// Scales that share a scale of their own (double quantization).
const NESTED_BLOCK: u64 = 256;
/// Scales are 32-bit floats, or 8 bits where they are quantized themselves.
const SCALE: u64 = 4;
/// The table of the 16 values there are, and of the 256 that scales may have.
const MAP: u64 = 16 * 4;
const NESTED_MAP: u64 = 256 * 4;

/// Values, scales (`absmax`) and tables.
pub(super) fn stored(double_quant: bool, shape: Shape) -> Vec<u64> {
    let blocks = shape.values().div_ceil(BLOCK);
    let weights = shape.values().div_ceil(2);
    if double_quant {
        let nested = blocks.div_ceil(NESTED_BLOCK).saturating_mul(SCALE);
        vec![weights, blocks, nested, MAP, NESTED_MAP]
    } else {
        vec![weights, blocks.saturating_mul(SCALE), MAP]
    }
}
