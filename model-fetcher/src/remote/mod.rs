//! Where files are asked for. A new source is a file here and an arm in [`remote`].

mod choose;
mod hugging_face;
mod s3;
mod web;

use crate::error::FetchError;
use crate::http::{HttpClient, Request};
use flotilla_model_source::{MAX_SHARDS, ShardName, Source};
use futures::future::BoxFuture;
use serde::{Deserialize, Serialize};

/// One file of a model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Wanted {
    /// Its path in the model's folder.
    pub(crate) path: String,
    /// Its path at the source.
    pub(crate) at: String,
    /// The version to ask for, where that is known better than the source names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) revision: Option<String>,
    /// Its bytes, where they are known before it is asked for.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    /// Its SHA-256 in hex, likewise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
}

/// A place that has a model.
pub(crate) trait Remote: Send + Sync {
    /// The files that the model has.
    fn list<'a>(&'a self, client: &'a HttpClient) -> BoxFuture<'a, Result<Vec<Wanted>, FetchError>>;

    /// What to ask for one of them, now: signatures may be good for a while only.
    fn request(&self, file: &Wanted) -> Request;
}

/// What is known beside the source. Not `Debug`: it has secrets.
#[derive(Clone, Default)]
pub(crate) struct Settings {
    pub(crate) endpoint: Option<String>,
    pub(crate) region: String,
    pub(crate) token: Option<String>,
    /// S3's, with its secret.
    pub(crate) access_key: Option<(String, String)>,
    pub(crate) session_token: Option<String>,
    pub(crate) sha256: Option<String>,
}

/// Why a source cannot be asked for.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// It is mounted, not fetched.
    #[error("this source is mounted where it lies; there is nothing to fetch")]
    Mounted,
    /// The endpoint is none.
    #[error("spec.model.endpoint {0:?} is no http:// or https:// URL")]
    Endpoint(String),
    /// The bucket's name is none.
    #[error("{0:?} cannot be the name of a bucket")]
    Bucket(String),
    /// The URL is none.
    #[error("the URL of spec.model.source cannot be read: {0}")]
    Url(#[from] url::ParseError),
    /// One checksum for several files.
    #[error("spec.model.sha256 is the checksum of one file, and this source has several")]
    SeveralFiles,
}

/// The place that a source names.
pub(crate) fn remote(source: &Source, settings: Settings) -> Result<Box<dyn Remote>, RemoteError> {
    let is_one_file = !source.file().is_empty() && shard(source.file()).is_none();
    if settings.sha256.is_some() && !is_one_file {
        return Err(RemoteError::SeveralFiles);
    }
    Ok(match source {
        Source::HuggingFace(hub) => Box::new(hugging_face::Hub::new(hub.clone(), settings)?),
        Source::S3(object) => Box::new(s3::Object::new(object, settings)?),
        Source::Https(web) => Box::new(web::Web::new(web, settings)?),
        Source::Oci(_) | Source::Pvc(_) | Source::File(_) => return Err(RemoteError::Mounted),
    })
}

/// What the name of one of several files says.
fn shard(path: &str) -> Option<ShardName<'_>> {
    ShardName::of(path).filter(|shard| (2..=MAX_SHARDS).contains(&shard.count))
}

/// The file at `at`, and those that belong to it by their names, for sources that list nothing.
fn by_name(at: &str, sha256: Option<&String>) -> Vec<Wanted> {
    let folder = at.rsplit_once('/').map_or("", |(folder, _)| folder);
    let name = at.rsplit('/').next().unwrap_or(at);
    let wanted = |name: String| Wanted {
        at: if folder.is_empty() { name.clone() } else { format!("{folder}/{name}") },
        path: name,
        revision: None,
        size: None,
        sha256: sha256.cloned(),
    };
    match shard(name) {
        Some(shard) => (1..=shard.count).map(|number| wanted(shard.other(number))).collect(),
        None => vec![wanted(name.to_owned())],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_of_several_files_leads_to_all() {
        let at =
            |at: &str| by_name(at, None).into_iter().map(|file| (file.path, file.at)).collect::<Vec<_>>();
        let pair = |path: &str, at: &str| (path.to_owned(), at.to_owned());
        assert_eq!(at("a/m.gguf"), [pair("m.gguf", "a/m.gguf")]);
        assert_eq!(at("m.gguf"), [pair("m.gguf", "m.gguf")]);
        assert_eq!(
            at("a/m-00001-of-00002.gguf"),
            [
                pair("m-00001-of-00002.gguf", "a/m-00001-of-00002.gguf"),
                pair("m-00002-of-00002.gguf", "a/m-00002-of-00002.gguf")
            ]
        );
    }
}
