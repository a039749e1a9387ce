//! A hub that speaks Hugging Face's protocol. <https://huggingface.co/docs/hub/api>

use super::{Origin, OriginError, Request};
use crate::scheme::HuggingFace;
use url::Url;

/// The hub that `hf://` means.
pub const HUB: &str = "https://huggingface.co/";

/// A repository of a hub.
pub struct Hub {
    endpoint: Url,
    source: HuggingFace,
    token: Option<String>,
}

impl Hub {
    /// The repository of `source`, on the hub at `endpoint` instead of the public one.
    ///
    /// # Errors
    /// If the endpoint is no URL.
    pub fn new(
        source: HuggingFace,
        endpoint: Option<&str>,
        token: Option<String>,
    ) -> Result<Self, OriginError> {
        let given = endpoint.unwrap_or(HUB);
        let endpoint: Url = given.parse().map_err(|_| OriginError::Endpoint(given.to_owned()))?;
        if endpoint.cannot_be_a_base() {
            return Err(OriginError::Endpoint(given.to_owned()));
        }
        Ok(Self { endpoint, source, token })
    }

    /// What the source says.
    pub const fn source(&self) -> &HuggingFace {
        &self.source
    }

    /// Asks for the list of the revision's files, with their sizes and checksums.
    pub fn list(&self) -> Request {
        let HuggingFace { repository, revision, .. } = &self.source;
        let parts = ["api", "models"].into_iter().chain(repository.split('/')).chain(["revision", revision]);
        let mut url = self.url(parts);
        url.set_query(Some("blobs=true"));
        self.as_us(url)
    }

    /// A revision is one part of the path, whatever is in its name.
    fn url<'a>(&'a self, parts: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.endpoint.clone();
        // A mirror may live below a path. Fails only for URLs that cannot be a base, which were refused.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(parts);
        }
        url
    }

    fn as_us(&self, url: Url) -> Request {
        Request { url, token: self.token.clone(), headers: Vec::new() }
    }
}

impl Origin for Hub {
    fn file(&self) -> &str {
        self.source.file.as_deref().unwrap_or_default()
    }

    fn request(&self, at: &str, revision: Option<&str>) -> Request {
        let repository = self.source.repository.split('/');
        let parts =
            repository.chain(["resolve", revision.unwrap_or(&self.source.revision)]).chain(at.split('/'));
        self.as_us(self.url(parts))
    }
}
