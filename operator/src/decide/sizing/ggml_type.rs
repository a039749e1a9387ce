//! The block formats that tensors are stored in.

/// A storage format of ggml: rows are cut into blocks of a fixed number of values and bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum GgmlType {
    F32,
    F16,
    Bf16,
    Q8_0,
    Q5_1,
    Q5_0,
    Q4_1,
    Q4_0,
    Iq4Nl,
    Q6K,
    Q5K,
    Q4K,
    Iq4Xs,
    Mxfp4,
    Q3K,
    Iq3S,
    Iq3Xxs,
    Q2K,
    Iq2S,
    Iq2Xs,
    Iq2Xxs,
    Iq1M,
    Iq1S,
}

/// Size of one block.
struct Block {
    values: u64,
    bytes: u64,
}

const fn block(values: u64, bytes: u64) -> Block {
    Block { values, bytes }
}

impl GgmlType {
    /// The layout of one block: the `block_…` structs of ggml-common.h. Scales are 2 bytes (the 256-value
    /// formats add packed sub-scales), the rest is `values × bits / 8`.
    const fn block(self) -> Block {
        match self {
            Self::F32 => block(1, 4),
            Self::F16 | Self::Bf16 => block(1, 2),
            Self::Q8_0 => block(32, 34),
            Self::Q5_1 => block(32, 24),
            Self::Q5_0 => block(32, 22),
            Self::Q4_1 => block(32, 20),
            Self::Q4_0 | Self::Iq4Nl => block(32, 18),
            Self::Q6K => block(256, 210),
            Self::Q5K => block(256, 176),
            Self::Q4K => block(256, 144),
            Self::Iq4Xs => block(256, 136),
            Self::Mxfp4 => block(32, 17),
            Self::Q3K | Self::Iq3S => block(256, 110),
            Self::Iq3Xxs => block(256, 98),
            Self::Q2K => block(256, 84),
            Self::Iq2S => block(256, 82),
            Self::Iq2Xs => block(256, 74),
            Self::Iq2Xxs => block(256, 66),
            Self::Iq1M => block(256, 56),
            Self::Iq1S => block(256, 50),
        }
    }

    /// Values in one block; a row must be a multiple of it.
    pub(super) const fn block_values(self) -> u64 {
        self.block().values
    }

    /// Whether rows of `row` values can be stored.
    pub(super) const fn holds(self, row: u64) -> bool {
        row.is_multiple_of(self.block().values)
    }

    /// Bytes of a row of `row` values (a multiple of the block), or `None` on overflow.
    pub(super) fn row_bytes(self, row: u64) -> Option<u64> {
        let block = self.block();
        (row / block.values).checked_mul(block.bytes)
    }

    /// What llama.cpp stores instead where a row is no multiple of 256. The formats with blocks of 32 have
    /// no substitute.
    pub(super) const fn substitute(self) -> Option<Self> {
        match self {
            Self::Iq1S
            | Self::Iq1M
            | Self::Iq2Xxs
            | Self::Iq2Xs
            | Self::Iq2S
            | Self::Iq3Xxs
            | Self::Iq3S
            | Self::Iq4Xs => Some(Self::Iq4Nl),
            Self::Q2K | Self::Q3K => Some(Self::Q4_0),
            Self::Q4K => Some(Self::Q5_0),
            Self::Q5K => Some(Self::Q5_1),
            Self::Q6K => Some(Self::Q8_0),
            _ => None,
        }
    }
}
