//! Reading parts of a file, wherever it lies.

mod connector;
mod error;
mod https;
mod local;
mod lookup;
pub mod oci;
mod reach;
mod source;

pub use connector::ClientError;
pub use error::ReadError;
pub use https::{HttpsClient, HttpsFile, UrlError};
pub use local::LocalFile;
pub use reach::Reach;
pub use source::SourceFile;

use bytes::Bytes;
use futures::future::BoxFuture;

/// Below this a file's weights are told by its list of tensors, not by its length: a tokenizer of 8 MiB is 1 % of it.
const SMALL_FILE: u64 = 800 * 1024 * 1024;

/// For a file of `size` bytes, any part of which can be had: of a small one the metadata is a part that counts, and no
/// more than a few MiB to read.
const fn reach_of(size: u64) -> Reach {
    if size < SMALL_FILE { Reach::Tensors } else { Reach::Dimensions }
}

/// A file that can be read from any offset. Implementations bound each call in time and size.
pub trait ReadAt: Send + Sync {
    /// The file's name for people: a path or URL, without credentials or query.
    fn name(&self) -> &str;

    /// The file's length in bytes.
    fn size(&self) -> BoxFuture<'_, Result<u64, ReadError>>;

    /// `length` bytes from `offset`; fewer only where the file ends, and none at or after its end.
    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<'_, Result<Bytes, ReadError>>;

    /// The file of that name in the same folder; none where only this file can be reached.
    fn sibling<'a>(&'a self, _name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn ReadAt>>, ReadError>> {
        Box::pin(std::future::ready(Ok(None)))
    }

    /// How much of a file's metadata is worth reading.
    fn reach(&self) -> Reach {
        Reach::Dimensions
    }
}
