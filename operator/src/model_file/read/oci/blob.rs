//! Any part of a layer: by range request, or, if it is compressed, of its beginning.

use super::error::OciError;
use super::inflate::inflate;
use super::manifest::{Compression, LayerDescriptor};
use super::session::{Ask, Session};
use bytes::Bytes;
use http::StatusCode;
use std::sync::Arc;
use tokio::sync::Mutex;

/// Bytes of a compressed blob that are fetched, and of its content that are kept.
const COMPRESSED_LIMIT: usize = 4 * 1024 * 1024;
/// What is fetched of a compressed blob at first; four times as much each time that it was not enough.
const FIRST_PREFIX: usize = 64 * 1024;
/// A registry without range requests: this much of a blob is read from its beginning instead.
const SKIP_LIMIT: u64 = 4 * 1024 * 1024;

/// A layer's content.
#[derive(Debug)]
pub(super) struct Layer {
    session: Arc<Session>,
    descriptor: LayerDescriptor,
    compression: Compression,
    /// The decompressed beginning, and how many compressed bytes it took.
    beginning: Mutex<(Bytes, usize)>,
}

impl Layer {
    pub(super) fn new(session: Arc<Session>, descriptor: LayerDescriptor, compression: Compression) -> Self {
        Self { session, descriptor, compression, beginning: Mutex::new((Bytes::new(), 0)) }
    }

    /// Whether only its beginning can be read.
    pub(super) fn is_compressed(&self) -> bool {
        self.compression != Compression::None
    }

    /// `length` bytes from `offset`; fewer only where the layer ends.
    pub(super) async fn read(&self, offset: u64, length: usize) -> Result<Bytes, OciError> {
        if !self.is_compressed() {
            return self.fetch(offset, length).await;
        }
        let bound = || OciError::Bounded {
            why: format!(
                "layer {} is compressed, and only its first {} KiB are read",
                self.descriptor.digest,
                COMPRESSED_LIMIT / 1024
            ),
        };
        let start =
            usize::try_from(offset).ok().filter(|start| *start < COMPRESSED_LIMIT).ok_or_else(bound)?;
        let end = start.checked_add(length).filter(|end| *end <= COMPRESSED_LIMIT).ok_or_else(bound)?;
        let whole = usize::try_from(self.descriptor.size).unwrap_or(usize::MAX);
        let mut beginning = self.beginning.lock().await;
        while beginning.0.len() < end && beginning.1 < whole {
            if beginning.1 >= COMPRESSED_LIMIT {
                return Err(bound());
            }
            let fetched = (beginning.1 * 4).clamp(FIRST_PREFIX, COMPRESSED_LIMIT).min(whole);
            let blob = self.fetch(0, fetched).await?;
            *beginning = (inflate(self.compression, &blob, COMPRESSED_LIMIT)?.into(), fetched);
        }
        let end = end.min(beginning.0.len());
        Ok(beginning.0.slice(start.min(end)..end))
    }

    /// A range of the blob as it is stored.
    async fn fetch(&self, offset: u64, length: usize) -> Result<Bytes, OciError> {
        let left = self.descriptor.size.saturating_sub(offset);
        let length = length.min(usize::try_from(left).unwrap_or(usize::MAX));
        if length == 0 {
            return Ok(Bytes::new());
        }
        let path = format!("blobs/{}", self.descriptor.digest);
        let last = offset + (length as u64 - 1);
        let ask = Ask { path: &path, accept: None, range: Some((offset, last)), limit: length };
        let answer = self.session.get(ask).await?;
        let body = match answer.status {
            StatusCode::PARTIAL_CONTENT => answer.body,
            StatusCode::OK if offset == 0 => answer.body,
            StatusCode::OK => self.skip_to(&path, offset, length).await?,
            StatusCode::NOT_FOUND => {
                return Err(OciError::BlobNotFound {
                    registry: self.session.reference().registry.clone(),
                    digest: self.descriptor.digest.to_string(),
                });
            }
            other => return Err(self.session.status(other, "part of a layer")),
        };
        if body.len() < length {
            return Err(OciError::Malformed {
                what: "the registry's answer",
                problem: format!("it has {} of the {length} bytes asked for", body.len()),
            });
        }
        Ok(body)
    }

    /// Reads from the beginning, for registries that ignore ranges.
    async fn skip_to(&self, path: &str, offset: u64, length: usize) -> Result<Bytes, OciError> {
        let registry = &self.session.reference().registry;
        let why = || OciError::Bounded { why: format!("registry {registry} does not answer range requests") };
        let start = usize::try_from(offset).ok().filter(|_| offset <= SKIP_LIMIT).ok_or_else(why)?;
        let limit = start.checked_add(length).ok_or_else(why)?;
        let answer = self.session.get(Ask { path, accept: None, range: None, limit }).await?;
        if answer.status != StatusCode::OK {
            return Err(self.session.status(answer.status, "a layer"));
        }
        Ok(answer.body.slice(start.min(answer.body.len())..))
    }
}
