//! What is asked for of a file.

/// What is missing of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Range {
    /// The first byte.
    pub(crate) from: u64,
    /// The version that the bytes before it are of.
    pub(crate) etag: Option<String>,
}
