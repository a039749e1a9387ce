//! A file behind a URL.

use super::{Origin, OriginError, Request};
use crate::scheme::WebFile;
use url::Url;

/// The folder of a file on a web server.
pub struct Web {
    url: Url,
    name: String,
    token: Option<String>,
}

impl Web {
    /// Where `web` lies.
    ///
    /// # Errors
    /// If its URL is none.
    pub fn new(web: &WebFile, token: Option<String>) -> Result<Self, OriginError> {
        Ok(Self { url: web.url.parse()?, name: web.file().to_owned(), token })
    }
}

impl Origin for Web {
    fn file(&self) -> &str {
        &self.name
    }

    /// The URL with another last part; what stands behind a `?` stays.
    fn request(&self, at: &str, _revision: Option<&str>) -> Request {
        let mut url = self.url.clone();
        if at != self.name {
            let folder = url.path().rsplit_once('/').map_or(String::new(), |(folder, _)| folder.to_owned());
            url.set_path(&format!("{folder}/{at}"));
        }
        Request { url, token: self.token.clone(), headers: Vec::new() }
    }
}
