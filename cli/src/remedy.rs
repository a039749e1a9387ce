//! What to do about a file that cannot be read, where the error itself does not say it. Each begins with `; `, or is
//! empty.

use flotilla_model_source::origin::HUB;
use flotilla_operator::model_file::ModelFileError;
use flotilla_operator::model_file::read::ReadError;
use flotilla_operator::model_file::read::oci::OciError;

/// For files behind a path or URL.
pub(crate) fn of_file(error: &ModelFileError) -> &'static str {
    let ModelFileError::Read(error) = error else {
        return "";
    };
    match error {
        ReadError::Unreachable { .. } => {
            "; check the address and this machine's network, or download the file and name its path"
        }
        ReadError::Deadline { .. } => "; try again, raise --timeout, or download the file and name its path",
        ReadError::Denied { name, .. } if name.starts_with(HUB) => {
            "; set HF_TOKEN to a token of an account that may read it"
        }
        ReadError::Denied { .. } => {
            "; AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY are used for buckets, and no other credentials are sent to this host: download the file and name its path"
        }
        ReadError::Truncated { .. } => {
            "; try again; if it breaks off there again, the file itself is cut off: upload it anew"
        }
        ReadError::Answer { .. } | ReadError::TooLarge { .. } => "; download the file and name its path",
        ReadError::NotFound { .. } | ReadError::Internal { .. } | ReadError::Io { .. } => "",
    }
}

/// For files in images.
pub(crate) fn of_image(error: &OciError) -> &'static str {
    match error {
        OciError::Unreachable { .. } => {
            "; check the registry's name and this machine's network; if it speaks no TLS, add --plain-http"
        }
        OciError::TimedOut { .. } => "; try again, or raise --timeout",
        OciError::Denied { .. } => {
            "; this command logs in as docker and podman do (docker login), credential helpers aside"
        }
        _ => "",
    }
}
