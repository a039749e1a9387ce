//! 8-bit floats (`fp8`, `fbgemm_fp8`, `compressed-tensors` with 8-bit floats, `ModelOpt` FP8).

use super::Shape;

/// Side of the square blocks that share a scale (`weight_block_size`).
const BLOCK: u64 = 128;
/// Scales are 32-bit floats.
const SCALE: u64 = 4;

/// What shares a scale.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Fp8Scales {
    /// A whole matrix.
    PerTensor,
    /// The weights of one output (`FP8-dynamic`).
    PerChannel,
    /// 128 x 128 weights (`DeepSeek`-V3, Qwen3-FP8).
    PerBlock,
}

/// The values and their scales.
pub(super) fn stored(scales: Fp8Scales, shape: Shape) -> Vec<u64> {
    let count = match scales {
        Fp8Scales::PerTensor => 1,
        Fp8Scales::PerChannel => shape.output,
        Fp8Scales::PerBlock => shape.input.div_ceil(BLOCK).saturating_mul(shape.output.div_ceil(BLOCK)),
    };
    vec![shape.values(), count.saturating_mul(SCALE)]
}
