//! What can go wrong while a test drives the cluster.

use std::{io, path::PathBuf, time::Duration};

/// Shorthand for the harness's results.
pub type Result<T, E = HarnessError> = std::result::Result<T, E>;

/// Why a test or the demo cannot go on.
#[derive(Debug, thiserror::Error)]
pub enum HarnessError {
    /// There is no cluster to talk to.
    #[error("no cluster: set KUBECONFIG or run `make bed-up` ({0})")]
    NoCluster(String),
    /// The API server refused, or could not be reached.
    #[error("{what}: {source}")]
    Api {
        /// What was tried.
        what: String,
        /// What came back.
        source: Box<kube::Error>,
    },
    /// Something did not come true in time.
    #[error("waited {} s for {what}; the last state: {state}", waited.as_secs())]
    Deadline {
        /// What was waited for.
        what: String,
        /// How long.
        waited: Duration,
        /// Why it was not so when last looked at.
        state: String,
    },
    /// A document is not the YAML of an object.
    #[error("not a Kubernetes object: {0}")]
    Yaml(String),
    /// An answer is not what its sender promises.
    #[error("{what} is not understood: {text}")]
    Answer {
        /// Whose answer.
        what: String,
        /// What came.
        text: String,
    },
    /// A file could not be written or locked.
    #[error("{}: {source}", path.display())]
    File {
        /// Which one.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// A program of the bed failed.
    #[error(transparent)]
    Bed(#[from] crate::error::Error),
}

impl HarnessError {
    /// Wraps an error of the client; `what` completes "could not …".
    pub fn api(what: impl std::fmt::Display) -> impl FnOnce(kube::Error) -> Self {
        let what = format!("could not {what}");
        move |source| Self::Api { what, source: Box::new(source) }
    }

    /// Wraps an error of the file system.
    pub fn file(path: impl Into<PathBuf>) -> impl FnOnce(io::Error) -> Self {
        let path = path.into();
        move |source| Self::File { path, source }
    }

    /// The HTTP status with which the API server refused, if it did.
    pub fn status(&self) -> Option<u16> {
        match self {
            Self::Api { source, .. } => match source.as_ref() {
                kube::Error::Api(status) => Some(status.code),
                _ => None,
            },
            _ => None,
        }
    }
}
