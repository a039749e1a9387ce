//! What is wrong with a safetensors file or index.

/// Why a file cannot be used.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SafetensorsError {
    /// A header that is empty or longer than any model's.
    #[error("the header has {length} bytes; it must have 2 to {limit}")]
    HeaderLength {
        /// The length in the file.
        length: u64,
        /// The longest that is read.
        limit: u64,
    },
    /// Not the JSON that was expected.
    #[error("not a safetensors header or index: {reason}")]
    Json {
        /// What the parser says.
        reason: String,
    },
    /// The file ends before its header does.
    #[error("the file is cut off: it has {size} bytes and its header goes to byte {wanted}")]
    Truncated {
        /// The file's length.
        size: u64,
        /// Where the header ends.
        wanted: u64,
    },
    /// A type that is not known.
    #[error("tensor {tensor:?} has the unknown type {found:?}")]
    Dtype {
        /// The tensor.
        tensor: String,
        /// The type in the file.
        found: String,
    },
    /// A place that is not as large as type and shape say.
    #[error("tensor {tensor:?} has bytes {start} to {end}, which its type and shape do not fill")]
    Size {
        /// The tensor.
        tensor: String,
        /// Where it starts in the data.
        start: u64,
        /// Where it ends.
        end: u64,
    },
    /// The same tensor twice.
    #[error("tensor {tensor:?} comes twice")]
    Duplicate {
        /// The tensor.
        tensor: String,
    },
    /// Tensors that overlap, or bytes that belong to none.
    #[error("tensors overlap or leave a hole at byte {at} of the data")]
    Layout {
        /// Where.
        at: u64,
    },
    /// Data of another length than the tensors take.
    #[error("the file has {size} bytes; header and tensors take {wanted}")]
    Length {
        /// The file's length.
        size: u64,
        /// What it should be.
        wanted: u64,
    },
    /// No tensor at all.
    #[error("there is no tensor in it")]
    Empty,
    /// An index that does not say how large the model is.
    #[error("metadata.total_size is missing, or no whole number above 0")]
    TotalSize,
    /// An index that names a file elsewhere.
    #[error("the index names {file:?}, which is not a file beside it")]
    Shard {
        /// The name.
        file: String,
    },
}
