//! Files of hubs, buckets and web servers, by what `spec.model.source` names.

use super::{HttpsClient, HttpsFile, Reach, ReadAt, ReadError};
use bytes::Bytes;
use flotilla_model_source::origin::Origin;
use futures::future::BoxFuture;
use std::sync::Arc;

/// A file of an origin. What is asked for it is signed when it is made.
pub struct SourceFile {
    client: HttpsClient,
    origin: Arc<dyn Origin>,
    /// Its path there.
    at: String,
    file: HttpsFile,
}

impl SourceFile {
    /// The file that the source of `origin` names.
    ///
    /// # Errors
    /// If its place there is no URL.
    pub fn new(client: HttpsClient, origin: Arc<dyn Origin>) -> Result<Self, ReadError> {
        let at = origin.file().to_owned();
        Self::at(client, origin, at)
    }

    fn at(client: HttpsClient, origin: Arc<dyn Origin>, at: String) -> Result<Self, ReadError> {
        let file = HttpsFile::of(client.clone(), origin.request(&at, None));
        let file = file.map_err(|error| ReadError::Answer { reason: error.to_string(), name: error.name })?;
        Ok(Self { client, origin, at, file })
    }

    /// As [`HttpsFile::version`].
    pub async fn version(&self) -> Result<Option<String>, ReadError> {
        self.file.version().await
    }
}

impl ReadAt for SourceFile {
    fn name(&self) -> &str {
        self.file.name()
    }

    fn size(&self) -> BoxFuture<'_, Result<u64, ReadError>> {
        self.file.size()
    }

    fn read_at(&self, offset: u64, length: usize) -> BoxFuture<'_, Result<Bytes, ReadError>> {
        self.file.read_at(offset, length)
    }

    /// With a signature of its own, where its origin wants one.
    fn sibling<'a>(&'a self, name: &'a str) -> BoxFuture<'a, Result<Option<Box<dyn ReadAt>>, ReadError>> {
        let at = match self.at.rsplit_once('/') {
            Some((folder, _)) => format!("{folder}/{name}"),
            None => name.to_owned(),
        };
        let file = Self::at(self.client.clone(), self.origin.clone(), at);
        Box::pin(std::future::ready(file.map(|file| Some(Box::new(file) as Box<dyn ReadAt>))))
    }

    fn reach(&self) -> Reach {
        self.file.reach()
    }
}
