//! Weights as floats.

use super::Shape;

/// A float format of a checkpoint.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Float {
    /// 16 bits, 8 of exponent: what most models are published in.
    Bf16,
    /// 16 bits.
    F16,
    /// 32 bits.
    F32,
}

impl Float {
    /// Bytes of one value.
    pub const fn bytes(self) -> u64 {
        match self {
            Self::Bf16 | Self::F16 => 2,
            Self::F32 => 4,
        }
    }
}

/// One tensor of `width` bytes a value.
pub(super) fn stored(width: u64, shape: Shape) -> Vec<u64> {
    vec![shape.values().saturating_mul(width)]
}
