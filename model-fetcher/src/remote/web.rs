//! A file behind a URL.

use super::{Remote, RemoteError, Settings, Wanted, by_name};
use crate::error::FetchError;
use crate::http::{HttpClient, Request};
use flotilla_model_source::WebFile;
use futures::future::BoxFuture;
use url::Url;

pub(super) struct Web {
    url: Url,
    name: String,
    settings: Settings,
}

impl Web {
    pub(super) fn new(web: &WebFile, settings: Settings) -> Result<Self, RemoteError> {
        Ok(Self { url: web.url.parse()?, name: web.file().to_owned(), settings })
    }
}

impl Remote for Web {
    fn list<'a>(&'a self, _client: &'a HttpClient) -> BoxFuture<'a, Result<Vec<Wanted>, FetchError>> {
        Box::pin(std::future::ready(Ok(by_name(&self.name, self.settings.sha256.as_ref()))))
    }

    /// The URL with another last part; what stands behind a `?` stays.
    fn request(&self, file: &Wanted) -> Request {
        let mut url = self.url.clone();
        if file.at != self.name {
            let folder = url.path().rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
            url.set_path(&format!("{folder}/{}", file.at));
        }
        Request { url, token: self.settings.token.clone(), headers: Vec::new() }
    }
}
