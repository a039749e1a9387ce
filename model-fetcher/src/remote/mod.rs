//! Which files a source has. One that can list them is a file here and an arm in [`remote`]; of others their names tell.

mod choose;
mod hub;
mod named;

use crate::error::FetchError;
use crate::http::HttpClient;
use flotilla_model_source::origin::{self, Credentials, OriginError, Place, Request};
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

/// Why a source cannot be asked for.
#[derive(Debug, thiserror::Error)]
pub enum RemoteError {
    /// It names no place.
    #[error(transparent)]
    Origin(#[from] OriginError),
    /// One checksum for several files.
    #[error("spec.model.sha256 is the checksum of one file, and this source has several")]
    SeveralFiles,
}

/// The place that a source names. `sha256` is its file's.
pub(crate) fn remote(
    source: &Source,
    place: Place<'_>,
    credentials: Credentials,
    sha256: Option<String>,
) -> Result<Box<dyn Remote>, RemoteError> {
    let is_one_file = !source.file().is_empty() && shard(source.file()).is_none();
    if sha256.is_some() && !is_one_file {
        return Err(RemoteError::SeveralFiles);
    }
    Ok(match source {
        Source::HuggingFace(hub) => {
            let hub = origin::Hub::new(hub.clone(), place.endpoint, credentials.token)?;
            Box::new(hub::Repository { hub, sha256 })
        }
        _ => Box::new(named::Named { origin: origin::origin(source, place, credentials)?, sha256 }),
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
