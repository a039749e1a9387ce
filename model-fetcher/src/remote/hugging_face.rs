//! A hub that speaks Hugging Face's protocol. <https://huggingface.co/docs/hub/api>

use super::choose::needed;
use super::{Remote, RemoteError, Settings, Wanted, shard};
use crate::error::FetchError;
use crate::http::{HttpClient, Request};
use flotilla_model_source::HuggingFace;
use futures::future::BoxFuture;
use serde::Deserialize;
use url::Url;

/// The hub that `hf://` means.
const HUB: &str = "https://huggingface.co";
/// The list of a repository with thousands of files has a few MB.
const MAX_LIST: usize = 32 << 20;

pub(super) struct Hub {
    endpoint: Url,
    source: HuggingFace,
    settings: Settings,
}

/// What a hub says of a revision, as far as it matters here.
#[derive(Debug, Deserialize)]
struct Revision {
    /// The commit.
    sha: Option<String>,
    #[serde(default)]
    siblings: Vec<Sibling>,
}

#[derive(Debug, Deserialize)]
pub(super) struct Sibling {
    pub(super) rfilename: String,
    #[serde(default)]
    size: Option<u64>,
    #[serde(default)]
    lfs: Option<Lfs>,
}

#[derive(Debug, Deserialize)]
struct Lfs {
    sha256: Option<String>,
}

impl Hub {
    pub(super) fn new(source: HuggingFace, settings: Settings) -> Result<Self, RemoteError> {
        let given = settings.endpoint.as_deref().unwrap_or(HUB);
        let endpoint: Url = given.parse().map_err(|_| RemoteError::Endpoint(given.to_owned()))?;
        if endpoint.cannot_be_a_base() {
            return Err(RemoteError::Endpoint(given.to_owned()));
        }
        Ok(Self { endpoint, source, settings })
    }

    fn url<'a>(&'a self, parts: impl IntoIterator<Item = &'a str>) -> Url {
        let mut url = self.endpoint.clone();
        // A mirror may live below a path. Fails only for URLs that cannot be a base, which were refused.
        if let Ok(mut segments) = url.path_segments_mut() {
            segments.pop_if_empty().extend(parts);
        }
        url
    }

    fn as_us(&self, url: Url) -> Request {
        Request { url, token: self.settings.token.clone(), headers: Vec::new() }
    }

    async fn listed(&self, client: &HttpClient) -> Result<Vec<Wanted>, FetchError> {
        let HuggingFace { repository, file, revision } = &self.source;
        if let Some(file) = file.as_ref().filter(|file| shard(file).is_none()) {
            return Ok(vec![Wanted {
                path: file.clone(),
                at: file.clone(),
                revision: None,
                size: None,
                sha256: self.settings.sha256.clone(),
            }]);
        }
        let parts = ["api", "models"].into_iter().chain(repository.split('/')).chain(["revision", revision]);
        let mut url = self.url(parts);
        url.set_query(Some("blobs=true"));
        let answer = client.get(&self.as_us(url), None).await?;
        let asked = answer.url.clone();
        let wrong = |what: String| FetchError::Answer { url: asked.clone(), what };
        let list = answer.whole(MAX_LIST).await?;
        let found: Revision = serde_json::from_slice(&list).map_err(|error| wrong(error.to_string()))?;
        let files = needed(found.siblings, file.as_deref());
        if files.is_empty() {
            return Err(wrong("it lists no file of a model".to_owned()));
        }
        let wanted = |sibling: Sibling| Wanted {
            path: sibling.rfilename.clone(),
            at: sibling.rfilename,
            // All files of one commit, whatever is pushed meanwhile.
            revision: found.sha.clone(),
            size: sibling.size,
            sha256: sibling.lfs.and_then(|lfs| lfs.sha256),
        };
        if files.iter().any(|file| file.rfilename.split('/').any(|part| matches!(part, "" | "." | ".."))) {
            return Err(wrong("it lists a file outside of the repository".to_owned()));
        }
        Ok(files.into_iter().map(wanted).collect())
    }
}

impl Remote for Hub {
    fn list<'a>(&'a self, client: &'a HttpClient) -> BoxFuture<'a, Result<Vec<Wanted>, FetchError>> {
        Box::pin(self.listed(client))
    }

    fn request(&self, file: &Wanted) -> Request {
        let revision = file.revision.as_ref().unwrap_or(&self.source.revision);
        let repository = self.source.repository.split('/');
        let parts = repository.chain(["resolve", revision]).chain(file.at.split('/'));
        self.as_us(self.url(parts))
    }
}
