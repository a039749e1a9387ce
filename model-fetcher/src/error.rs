//! Why a model is not there, in words that say what to change.

use flotilla_model_source::report::Cause;
use http::StatusCode;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A failed step. URLs are shown without queries, which may hold signatures.
#[derive(Debug, thiserror::Error)]
pub enum FetchError {
    /// 401 or 403.
    #[error(
        "{url} answers {status}{detail}: check spec.model.credentialsRef, and that the token may read it and its licence was accepted"
    )]
    Unauthorized {
        /// What was asked.
        url: String,
        /// Of the answer.
        status: StatusCode,
        /// What the server adds, with a blank before it.
        detail: String,
    },
    /// 404 or 410.
    #[error("{url} answers {status}{detail}: check spec.model.source")]
    NotFound {
        /// What was asked.
        url: String,
        /// Of the answer.
        status: StatusCode,
        /// What the server adds.
        detail: String,
    },
    /// The server fails, or asks for patience.
    #[error("{url} answers {status}{detail}")]
    Unavailable {
        /// What was asked.
        url: String,
        /// Of the answer.
        status: StatusCode,
        /// What the server adds.
        detail: String,
        /// When it wants to be asked again.
        retry_after: Option<Duration>,
    },
    /// No answer, or one that broke off.
    #[error("{url} {what}")]
    Interrupted {
        /// What was asked.
        url: String,
        /// What happened.
        what: String,
    },
    /// The file at the source is another than the one that was begun.
    #[error("{url} has changed since its download began; it is begun anew")]
    Changed {
        /// What was asked.
        url: String,
    },
    /// An answer that makes no sense.
    #[error("{url} was not answered as asked: {what}")]
    Answer {
        /// What was asked.
        url: String,
        /// What is wrong with it.
        what: String,
    },
    /// The bytes are not those that were promised.
    #[error("{file} has the SHA-256 {found}, but {expected} was promised; what came is thrown away")]
    Checksum {
        /// The file.
        file: String,
        /// Of what came.
        found: String,
        /// By the spec or the source.
        expected: String,
        /// Whether a part of it came in an earlier try, so that a fresh download may be right.
        resumed: bool,
    },
    /// The disk cannot hold it.
    #[error("the model cache needs {needed_mib} MiB more for {file}, and its disk has {free_mib} MiB free")]
    DiskFull {
        /// The file.
        file: String,
        /// Still to come.
        needed_mib: u64,
        /// What there is.
        free_mib: u64,
    },
    /// The cache cannot be read or written.
    #[error("{} cannot be {action}: {error}", path.display())]
    Cache {
        /// Which file or folder.
        path: PathBuf,
        /// What was tried.
        action: &'static str,
        /// What the operating system says.
        #[source]
        error: io::Error,
    },
    /// The pod is on its way out.
    #[error("stopped before the model was there; the next start goes on from here")]
    Stopped,
}

impl FetchError {
    /// In one word.
    pub const fn cause(&self) -> Cause {
        match self {
            Self::Unauthorized { .. } => Cause::Unauthorized,
            Self::NotFound { .. } => Cause::NotFound,
            Self::Unavailable { .. } | Self::Interrupted { .. } | Self::Changed { .. } | Self::Stopped => {
                Cause::Interrupted
            }
            Self::Checksum { .. } => Cause::ChecksumMismatch,
            Self::DiskFull { .. } => Cause::DiskFull,
            Self::Answer { .. } | Self::Cache { .. } => Cause::Failed,
        }
    }

    /// Whether trying again may help, without anybody doing anything.
    pub const fn is_passing(&self) -> bool {
        match self {
            Self::Unavailable { .. } | Self::Interrupted { .. } | Self::Changed { .. } => true,
            Self::Checksum { resumed, .. } => *resumed,
            Self::Unauthorized { .. }
            | Self::NotFound { .. }
            | Self::Answer { .. }
            | Self::DiskFull { .. }
            | Self::Cache { .. }
            | Self::Stopped => false,
        }
    }

    /// How long the source asked to be left alone.
    pub const fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            _ => None,
        }
    }

    /// For `map_err` of what touches the cache.
    pub(crate) fn cache(path: &Path, action: &'static str) -> impl FnOnce(io::Error) -> Self {
        move |error| Self::Cache { path: path.to_owned(), action, error }
    }
}
