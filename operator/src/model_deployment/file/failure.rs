//! Why a file's head is not known, for a condition.

use crate::conditions::Reason;
use crate::model_file::ModelFileError;
use crate::model_file::read::ReadError;
use crate::model_file::read::oci::OciError;

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

impl Failure {
    /// The registry did not give everything in the time that a whole reading may take.
    pub(super) fn late(registry: &str, seconds: u64) -> Self {
        let message = format!("the head of the model file was not read from {registry} within {seconds} s");
        Self { reason: Reason::RegistryUnreachable, message, passing: true }
    }

    /// A file that only other engines load.
    pub(super) fn not_gguf(path: &str) -> Self {
        let message = format!("{path} is no GGUF file, and engine LlamaCpp loads no other: convert it");
        Self { reason: Reason::ModelFileInvalid, message, passing: false }
    }

    /// A pull secret could not be read.
    pub(super) fn secret(message: String) -> Self {
        Self { reason: Reason::RegistryDenied, message, passing: true }
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

impl From<ModelFileError> for Failure {
    fn from(error: ModelFileError) -> Self {
        let (reason, passing) = match &error {
            ModelFileError::Read(ReadError::Unreachable { .. } | ReadError::Deadline { .. }) => {
                (Reason::RegistryUnreachable, true)
            }
            ModelFileError::Read(ReadError::Denied { .. }) => (Reason::RegistryDenied, false),
            ModelFileError::Read(ReadError::NotFound { .. }) => (Reason::ModelFileNotFound, false),
            ModelFileError::Read(ReadError::TooLarge { .. }) => (Reason::FileHeadOutOfReach, false),
            _ => (Reason::ModelFileInvalid, false),
        };
        Self { reason, passing, message: error.to_string() }
    }
}
