//! `s3://BUCKET/KEY`.

use super::{is_path, last};

/// An object in a bucket.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct S3Object {
    /// The bucket.
    pub bucket: String,
    /// The object's key.
    pub key: String,
}

impl S3Object {
    pub(crate) fn parse(rest: &str) -> Option<Self> {
        let (bucket, key) = rest.split_once('/')?;
        let named = !bucket.is_empty() && is_path(key);
        named.then(|| Self { bucket: bucket.to_owned(), key: key.to_owned() })
    }

    /// The file's name: the last part of the key.
    pub fn file(&self) -> &str {
        last(&self.key)
    }
}
