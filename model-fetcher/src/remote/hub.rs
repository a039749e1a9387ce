//! A hub that speaks Hugging Face's protocol. <https://huggingface.co/docs/hub/api>

use super::choose::needed;
use super::{Remote, Wanted, shard};
use crate::error::FetchError;
use crate::http::HttpClient;
use flotilla_model_source::HuggingFace;
use flotilla_model_source::origin::{Hub, Origin as _, Request};
use futures::future::BoxFuture;
use serde::Deserialize;

/// The list of a repository with thousands of files has a few MB.
const MAX_LIST: usize = 32 << 20;

/// A repository, whose hub lists its files.
pub(super) struct Repository {
    pub(super) hub: Hub,
    pub(super) sha256: Option<String>,
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

impl Repository {
    async fn listed(&self, client: &HttpClient) -> Result<Vec<Wanted>, FetchError> {
        let HuggingFace { file, .. } = self.hub.source();
        if let Some(file) = file.as_ref().filter(|file| shard(file).is_none()) {
            return Ok(vec![Wanted {
                path: file.clone(),
                at: file.clone(),
                revision: None,
                size: None,
                sha256: self.sha256.clone(),
            }]);
        }
        let answer = client.get(&self.hub.list(), None).await?;
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

impl Remote for Repository {
    fn list<'a>(&'a self, client: &'a HttpClient) -> BoxFuture<'a, Result<Vec<Wanted>, FetchError>> {
        Box::pin(self.listed(client))
    }

    fn request(&self, file: &Wanted) -> Request {
        self.hub.request(&file.at, file.revision.as_deref())
    }
}
