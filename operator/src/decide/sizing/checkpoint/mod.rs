//! Checkpoints in the safetensors format: how each tensor is stored, and what a model takes in it.
//!
//! A new format is one file here, a variant of [`Format`] and its line in each of its tables.

mod exl;
mod format;
mod fp4;
mod fp8;
mod grouped;
mod int8;
mod nf4;
mod plain;
mod tensors;

pub(crate) use format::centibits;
pub(in crate::decide::sizing) use tensors::{Split, sum};

pub use exl::{Centibits, ExlBits};
pub use format::Format;
pub use fp8::Fp8Scales;
pub use grouped::Groups;
pub use plain::Float;
pub use tensors::weights;

/// One matrix: so many inputs to so many outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decide::sizing) struct Shape {
    pub(in crate::decide::sizing) input: u64,
    pub(in crate::decide::sizing) output: u64,
}

impl Shape {
    const fn values(self) -> u64 {
        self.input.saturating_mul(self.output)
    }
}

/// What a tensor is, as far as quantizers distinguish it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::decide::sizing) enum Part {
    /// A projection of a layer.
    Linear,
    /// A projection of an expert.
    Expert,
    /// Token embedding, router, convolution, vision tower, norm, bias: nobody quantizes these.
    Kept,
    /// The output projection, where it is not the token embedding.
    Head,
}
