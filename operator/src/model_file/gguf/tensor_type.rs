//! The storage types of tensors, as files number them.

use std::fmt;

/// A storage type: rows are cut into blocks of so many values in so many bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct TensorType {
    number: u32,
    name: &'static str,
    block_values: u64,
    block_bytes: u64,
}

/// `enum ggml_type` of ggml.h with the `block_…` structs of ggml-common.h. Numbers that are missing were given
/// up; no current engine reads them.
const TYPES: [TensorType; 35] = [
    row(0, "F32", 1, 4),
    row(1, "F16", 1, 2),
    row(2, "Q4_0", 32, 18),
    row(3, "Q4_1", 32, 20),
    row(6, "Q5_0", 32, 22),
    row(7, "Q5_1", 32, 24),
    row(8, "Q8_0", 32, 34),
    row(9, "Q8_1", 32, 36),
    row(10, "Q2_K", 256, 84),
    row(11, "Q3_K", 256, 110),
    row(12, "Q4_K", 256, 144),
    row(13, "Q5_K", 256, 176),
    row(14, "Q6_K", 256, 210),
    row(15, "Q8_K", 256, 292),
    row(16, "IQ2_XXS", 256, 66),
    row(17, "IQ2_XS", 256, 74),
    row(18, "IQ3_XXS", 256, 98),
    row(19, "IQ1_S", 256, 50),
    row(20, "IQ4_NL", 32, 18),
    row(21, "IQ3_S", 256, 110),
    row(22, "IQ2_S", 256, 82),
    row(23, "IQ4_XS", 256, 136),
    row(24, "I8", 1, 1),
    row(25, "I16", 1, 2),
    row(26, "I32", 1, 4),
    row(27, "I64", 1, 8),
    row(28, "F64", 1, 8),
    row(29, "IQ1_M", 256, 56),
    row(30, "BF16", 1, 2),
    row(34, "TQ1_0", 256, 54),
    row(35, "TQ2_0", 256, 66),
    row(39, "MXFP4", 32, 17),
    row(40, "NVFP4", 64, 36),
    row(41, "Q1_0", 128, 18),
    row(42, "Q2_0", 64, 18),
];

const fn row(number: u32, name: &'static str, block_values: u64, block_bytes: u64) -> TensorType {
    TensorType { number, name, block_values, block_bytes }
}

impl TensorType {
    /// The type that files call `number`.
    pub fn from_number(number: u32) -> Option<Self> {
        TYPES.iter().copied().find(|kind| kind.number == number)
    }

    /// The name, as ggml writes it.
    pub const fn name(self) -> &'static str {
        self.name
    }

    /// Bytes of a row of `values`, or `None` if it is not cut evenly into blocks or too long.
    pub(super) fn row_bytes(self, values: u64) -> Option<u64> {
        if !values.is_multiple_of(self.block_values) {
            return None;
        }
        (values / self.block_values).checked_mul(self.block_bytes)
    }
}

impl fmt::Display for TensorType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name)
    }
}
