//! How much of a file's metadata is worth reading.

/// How far to read into a file's metadata.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reach {
    /// Until the dimensions are known: a few hundred KB.
    Dimensions,
    /// To the end of the list of tensors, past the vocabulary: a few MB. Gives exact weights.
    Tensors,
}
