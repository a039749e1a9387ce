//! EXL2 and EXL3: a chosen number of bits for each weight on average, and another one for the output head.

use super::Shape;

/// Bits in hundredths, so that formats can be compared exactly: 4.25 bits are 425.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Centibits(u32);

impl Centibits {
    /// More than 32 bits a weight are no compression.
    pub const MAX: u32 = 3200;

    /// So many hundredths of a bit; `None` if that is 0 or more than 32 bits.
    pub const fn new(hundredths: u32) -> Option<Self> {
        if hundredths == 0 || hundredths > Self::MAX { None } else { Some(Self(hundredths)) }
    }

    /// Hundredths of a bit.
    pub const fn get(self) -> u32 {
        self.0
    }

    fn bytes(self, values: u64) -> u64 {
        values.div_ceil(800).saturating_mul(self.0.into())
    }
}

/// Average bits of the layers, and bits of the head (`head_bits`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct ExlBits {
    /// Every matrix of a layer, scales included (EXL2) or not (EXL3).
    pub layers: Centibits,
    /// The output head.
    pub head: Centibits,
}

/// EXL2's average counts its scales.
pub(super) fn exl2(bits: Centibits, shape: Shape) -> Vec<u64> {
    vec![bits.bytes(shape.values())]
}

/// EXL3 keeps a 16-bit scale for each input and each output besides.
pub(super) fn exl3(bits: Centibits, shape: Shape) -> Vec<u64> {
    vec![bits.bytes(shape.values()), shape.input.saturating_mul(2), shape.output.saturating_mul(2)]
}
