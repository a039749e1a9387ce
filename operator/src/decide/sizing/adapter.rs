//! LoRA adapters that are loaded beside a model.

use super::Bytes;

/// One LoRA adapter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Adapter {
    /// Over every linear layer, 16-bit floats.
    Rank(u32),
    /// Over every linear layer, 32-bit floats: the most that a file of this rank has.
    Wide(u32),
    /// A file whose size is known.
    Given(Bytes),
}
