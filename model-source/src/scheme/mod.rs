//! One file for each kind of source. What stands behind `SCHEME://` is parsed; `..` was refused before.

mod file;
mod https;
mod hugging_face;
mod oci;
mod pvc;
mod s3;

pub use file::NodeFile;
pub use https::WebFile;
pub use hugging_face::HuggingFace;
pub use oci::OciImage;
pub use pvc::VolumeFile;
pub use s3::S3Object;

/// Whether a path can be one below a folder: parts that are neither empty nor `.`, of characters that are printed.
fn is_path(path: &str) -> bool {
    path.split('/').all(|part| !part.is_empty() && part != ".") && !path.contains(char::is_control)
}

/// The last part of a path.
fn last(path: &str) -> &str {
    path.rsplit('/').next().unwrap_or(path)
}
