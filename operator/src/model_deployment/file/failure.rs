//! Why a file's head is not known, for a condition.

use super::Place;
use crate::conditions::Reason;
use crate::model_file::ModelFileError;
use crate::model_file::read::ReadError;
use crate::model_file::read::oci::OciError;
use flotilla_model_source::origin::OriginError;

/// A cause, for a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    /// In one word.
    pub reason: Reason,
    /// In a sentence.
    pub message: String,
    /// Whether time alone may help.
    pub passing: bool,
}

/// The reasons of a kind of place.
pub(super) struct Words {
    unreachable: Reason,
    denied: Reason,
    /// It answers otherwise than it is asked.
    answer: Reason,
}

/// For registries.
pub(super) const REGISTRY: Words = Words {
    unreachable: Reason::RegistryUnreachable,
    denied: Reason::RegistryDenied,
    answer: Reason::ModelFileInvalid,
};

/// For hubs, buckets and web servers.
pub(super) const SOURCE: Words = Words {
    unreachable: Reason::SourceUnreachable,
    denied: Reason::SourceDenied,
    answer: Reason::FileHeadOutOfReach,
};

impl Failure {
    /// The place did not give everything in the time that a whole reading may take.
    pub(super) fn late(place: &Place, seconds: u64) -> Self {
        let place = place.readable();
        let message =
            format!("the head of the model file was not read from {} within {seconds} s", place.host());
        Self { reason: place.words().unreachable, message, passing: true }
    }

    /// What a place of these words failed with.
    pub(super) fn of_file(error: &ModelFileError, words: &Words) -> Self {
        let (reason, passing) = match error {
            ModelFileError::Read(
                ReadError::Unreachable { .. } | ReadError::Deadline { .. } | ReadError::Truncated { .. },
            ) => (words.unreachable, true),
            ModelFileError::Read(ReadError::Denied { .. }) => (words.denied, false),
            ModelFileError::Read(ReadError::NotFound { .. }) => (Reason::ModelFileNotFound, false),
            ModelFileError::Read(ReadError::Internal { .. }) => (Reason::SourceRefused, false),
            ModelFileError::Read(ReadError::TooLarge { .. }) => (Reason::FileHeadOutOfReach, false),
            ModelFileError::Read(ReadError::Answer { .. }) => (words.answer, false),
            _ => (Reason::ModelFileInvalid, false),
        };
        Self { reason, passing, message: error.to_string() }
    }

    /// A file that only other engines load.
    pub(super) fn not_gguf(path: &str) -> Self {
        let message = format!("{path} is no GGUF file, and engine LlamaCpp loads no other: convert it");
        Self { reason: Reason::ModelFileInvalid, message, passing: false }
    }

    /// The API server did not give a Secret.
    pub(super) fn secret(message: String, words: &Words) -> Self {
        Self { reason: words.denied, message, passing: true }
    }

    /// A Secret does not exist, or lacks a key.
    pub(super) fn no_secret(name: &str, key: Option<&str>) -> Self {
        let problem = match key {
            Some(key) => format!("has no text under the key {key}"),
            None => "does not exist".to_owned(),
        };
        let message = format!("Secret {name} {problem}; spec.model.credentialsRef names it");
        Self { reason: Reason::SecretNotFound, message, passing: false }
    }
}

impl From<OciError> for Failure {
    fn from(error: OciError) -> Self {
        let reason = match &error {
            OciError::Unreachable { .. }
            | OciError::TimedOut { .. }
            | OciError::Status { .. }
            | OciError::Redirect { .. } => Reason::RegistryUnreachable,
            OciError::Denied { .. } => Reason::RegistryDenied,
            OciError::Reference { .. } | OciError::ImageNotFound { .. } | OciError::BlobNotFound { .. } => {
                Reason::ModelImageNotFound
            }
            OciError::FileNotFound { .. } => Reason::ModelFileNotFound,
            OciError::Bounded { .. } => Reason::FileHeadOutOfReach,
            OciError::MediaType { .. }
            | OciError::DigestMismatch { .. }
            | OciError::Malformed { .. }
            | OciError::TooLarge { .. } => Reason::ModelFileInvalid,
        };
        Self { reason, passing: error.is_passing(), message: error.to_string() }
    }
}

impl From<OriginError> for Failure {
    fn from(error: OriginError) -> Self {
        Self { reason: Reason::InvalidSpec, passing: false, message: error.to_string() }
    }
}
