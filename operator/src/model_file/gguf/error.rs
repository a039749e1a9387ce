//! What is wrong with a GGUF file.

use super::TensorType;
use crate::decide::sizing::SizingError;

/// Why a file cannot be used. Offsets are bytes from the start of the file.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GgufError {
    /// The file does not start with `GGUF`.
    #[error("not a GGUF file: it starts with {}", found.escape_ascii())]
    Magic {
        /// The first bytes.
        found: [u8; 4],
    },
    /// The file was written for big-endian machines.
    #[error("the file is big-endian; convert it for little-endian machines")]
    BigEndian,
    /// A version that is not read.
    #[error("GGUF version {found} is not supported; convert the model with a current llama.cpp (version 3)")]
    Version {
        /// The file's version.
        found: u32,
    },
    /// More items than any model has.
    #[error("{count} {what} at byte {at}; at most {limit} are accepted")]
    TooMany {
        /// What is counted.
        what: &'static str,
        /// The count in the file.
        count: u64,
        /// The most that are accepted.
        limit: u64,
        /// Where the count stands.
        at: u64,
    },
    /// A text that is longer than any model's.
    #[error("a {what} of {length} bytes at byte {at}; at most {limit} are accepted")]
    TooLong {
        /// What the text is.
        what: &'static str,
        /// The length in the file.
        length: u64,
        /// The longest that is accepted.
        limit: u64,
        /// Where the length stands.
        at: u64,
    },
    /// A text that is empty or not UTF-8.
    #[error("the {what} at byte {at} is empty or not UTF-8")]
    Text {
        /// What the text is.
        what: &'static str,
        /// Where its length stands.
        at: u64,
    },
    /// The same key twice.
    #[error("key {key:?} comes twice, the second time at byte {at}")]
    DuplicateKey {
        /// The key.
        key: String,
        /// Where it comes again.
        at: u64,
    },
    /// A value type that GGUF does not have.
    #[error("key {key:?} has a value of unknown type {found} at byte {at}")]
    ValueType {
        /// The key.
        key: String,
        /// The type's number.
        found: u32,
        /// Where the type stands.
        at: u64,
    },
    /// An array of arrays, which llama.cpp does not read either.
    #[error("key {key:?} holds an array of arrays at byte {at}")]
    NestedArray {
        /// The key.
        key: String,
        /// Where the type stands.
        at: u64,
    },
    /// The same tensor twice.
    #[error("tensor {tensor:?} comes twice, the second time at byte {at}")]
    DuplicateTensor {
        /// The tensor.
        tensor: String,
        /// Where it comes again.
        at: u64,
    },
    /// A number of dimensions that ggml does not have.
    #[error("tensor {tensor:?} has {found} dimensions at byte {at}; ggml has 1 to 4")]
    Dimensions {
        /// The tensor.
        tensor: String,
        /// The number in the file.
        found: u32,
        /// Where it stands.
        at: u64,
    },
    /// A dimension of 0, or a product of dimensions beyond 63 bits.
    #[error("tensor {tensor:?} has dimensions {found:?} at byte {at}; their product must be 1 to 2^63 - 1")]
    Shape {
        /// The tensor.
        tensor: String,
        /// The dimensions.
        found: Vec<u64>,
        /// Where they stand.
        at: u64,
    },
    /// A storage format that is not known.
    #[error("tensor {tensor:?} has the unknown storage type {found} at byte {at}")]
    TensorType {
        /// The tensor.
        tensor: String,
        /// The type's number.
        found: u32,
        /// Where it stands.
        at: u64,
    },
    /// Rows that do not fit the blocks of their format.
    #[error("tensor {tensor:?} has rows of {row} values, which {kind} cannot store")]
    Row {
        /// The tensor.
        tensor: String,
        /// Values in one row.
        row: u64,
        /// The storage type.
        kind: TensorType,
    },
    /// A tensor that does not start where the one before it ends.
    #[error("tensor {tensor:?} starts at {found} of the data, where {wanted} was expected")]
    TensorOffset {
        /// The tensor.
        tensor: String,
        /// The offset in the file.
        found: u64,
        /// Where the tensor before it ends.
        wanted: u64,
    },
    /// Tensors that add up to more than 63 bits can count.
    #[error("the tensors up to {tensor:?} take more than 2^63 bytes")]
    TensorSum {
        /// The tensor.
        tensor: String,
    },
    /// Metadata that does not end.
    #[error("metadata and tensor list go on after {limit} bytes")]
    HeadTooLong {
        /// The most that is read.
        limit: u64,
    },
    /// The file ends too early.
    #[error("the file is cut off: it has {size} bytes and should go on at byte {wanted}")]
    Truncated {
        /// The file's length.
        size: u64,
        /// Where bytes are missing.
        wanted: u64,
    },
    /// One of several files, but not the first, which has the metadata.
    #[error("this is not the first file of its model: name {first}, and the others are found beside it")]
    NotFirst {
        /// The first file's name.
        first: String,
    },
    /// More files than are read for one model.
    #[error("the model is split over {found} files; at most {limit} are read")]
    TooManyFiles {
        /// How many the name says.
        found: u32,
        /// How many are read.
        limit: u32,
    },
    /// A key that is needed and not there.
    #[error("key {key:?} is missing")]
    MissingKey {
        /// The key.
        key: String,
    },
    /// A value of another type than the key's, or out of its range.
    #[error("key {key:?} is {found}; it must be {wanted}")]
    Value {
        /// The key.
        key: String,
        /// What is there.
        found: String,
        /// What it must be.
        wanted: &'static str,
    },
    /// A file of another kind: an adapter, a projector.
    #[error("the file is of type {kind:?}, not a model")]
    NotAModel {
        /// Its `general.type` or architecture.
        kind: String,
    },
    /// Dimensions that no model has.
    #[error(transparent)]
    Architecture(#[from] SizingError),
}
