//! A place that lists nothing: an object of a bucket, a file behind a URL.

use super::{Remote, Wanted, by_name};
use crate::error::FetchError;
use crate::http::HttpClient;
use flotilla_model_source::origin::{Origin, Request};
use futures::future::BoxFuture;

/// A file, and those that belong to it by their names.
pub(super) struct Named {
    pub(super) origin: Box<dyn Origin>,
    pub(super) sha256: Option<String>,
}

impl Remote for Named {
    fn list<'a>(&'a self, _client: &'a HttpClient) -> BoxFuture<'a, Result<Vec<Wanted>, FetchError>> {
        Box::pin(std::future::ready(Ok(by_name(self.origin.file(), self.sha256.as_ref()))))
    }

    fn request(&self, file: &Wanted) -> Request {
        self.origin.request(&file.at, None)
    }
}
