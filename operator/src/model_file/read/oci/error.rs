//! Why a file in a registry could not be read.

use std::fmt;
use std::time::Duration;

/// Names of files in one message.
const NAMES_IN_MESSAGE: usize = 12;

/// What went wrong, with what to change.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OciError {
    /// The text is no image reference.
    #[error(
        "{text:?} is no image reference: write REGISTRY/REPOSITORY:TAG or REGISTRY/REPOSITORY@sha256:DIGEST"
    )]
    Reference {
        /// As given.
        text: String,
    },
    /// No connection, or it broke.
    #[error("registry {registry} cannot be reached: {problem}")]
    Unreachable {
        /// Host and port.
        registry: String,
        /// What the network said.
        problem: String,
    },
    /// No whole answer in time.
    #[error("registry {registry} did not answer within {deadline:?}")]
    TimedOut {
        /// Host and port.
        registry: String,
        /// How long was waited.
        deadline: Duration,
    },
    /// 401 or 403.
    #[error("registry {registry} refuses {repository} (HTTP {status}): {}", credentials_advice(*.anonymous))]
    Denied {
        /// Host and port.
        registry: String,
        /// What was asked for.
        repository: String,
        /// The HTTP status.
        status: u16,
        /// Whether no credentials were sent.
        anonymous: bool,
    },
    /// The registry knows no such manifest.
    #[error("there is no image {reference}: check repository and tag")]
    ImageNotFound {
        /// As given.
        reference: String,
    },
    /// The manifest names a layer that the registry does not have.
    #[error("registry {registry} lacks blob {digest} of an image that it lists: push the image again")]
    BlobNotFound {
        /// Host and port.
        registry: String,
        /// The layer.
        digest: String,
    },
    /// Any other status.
    #[error("registry {registry} answered HTTP {status} to a request for {what}")]
    Status {
        /// Host and port.
        registry: String,
        /// What was asked for.
        what: &'static str,
        /// The HTTP status.
        status: u16,
    },
    /// The manifest is of a kind that cannot hold a model file.
    #[error("{reference} is a {media_type}, not an OCI or Docker image")]
    MediaType {
        /// As given.
        reference: String,
        /// What it is.
        media_type: String,
    },
    /// The content is not what its name says.
    #[error(
        "{reference}: the manifest's digest is {found}, not {expected}; the registry or a proxy changed it"
    )]
    DigestMismatch {
        /// As given.
        reference: String,
        /// As the reference, the index or the registry's header has it.
        expected: String,
        /// As computed.
        found: String,
    },
    /// An answer that breaks its format.
    #[error("{what} is malformed: {problem}")]
    Malformed {
        /// Which part.
        what: &'static str,
        /// How.
        problem: String,
    },
    /// An answer beyond its bound.
    #[error("{what} is larger than {limit} bytes")]
    TooLarge {
        /// Which part.
        what: &'static str,
        /// The bound.
        limit: usize,
    },
    /// The image does not hold the file.
    #[error("there is no file {file} in {reference}; it holds {files}")]
    FileNotFound {
        /// The path asked for.
        file: String,
        /// The image.
        reference: String,
        /// What there is instead.
        files: Names,
    },
    /// The file, or the part asked for, lies beyond what is read of a layer.
    #[error("{why}; push the model as an uncompressed layer to have its head read")]
    Bounded {
        /// Which bound.
        why: String,
    },
    /// A redirect that is not followed.
    #[error("registry {registry} redirects {problem}")]
    Redirect {
        /// Host and port.
        registry: String,
        /// Where to, or how often.
        problem: String,
    },
}

impl OciError {
    /// Whether time alone may help.
    pub fn is_passing(&self) -> bool {
        match self {
            Self::Unreachable { .. } | Self::TimedOut { .. } => true,
            Self::Status { status, .. } => *status == 429 || *status >= 500,
            _ => false,
        }
    }
}

fn credentials_advice(anonymous: bool) -> &'static str {
    if anonymous {
        "no credentials were sent; name a Secret of type kubernetes.io/dockerconfigjson in spec.model.pullSecrets, or check the repository's name"
    } else {
        "check the credentials in spec.model.pullSecrets"
    }
}

/// Files of an image, for a message.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Names {
    listed: Vec<String>,
    more: usize,
}

impl Names {
    /// Adds one; only so many are kept.
    pub(super) fn add(&mut self, name: &str) {
        if self.listed.iter().any(|listed| listed == name) {
            return;
        }
        if self.listed.len() < NAMES_IN_MESSAGE {
            self.listed.push(name.chars().take(128).collect());
        } else {
            self.more += 1;
        }
    }
}

impl fmt::Display for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.listed.is_empty(), self.more) {
            (true, _) => f.write_str("no files"),
            (false, 0) => f.write_str(&self.listed.join(", ")),
            (false, more) => write!(f, "{} and {more} more", self.listed.join(", ")),
        }
    }
}
