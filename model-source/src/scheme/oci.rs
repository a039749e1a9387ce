//! `oci://REGISTRY/REPOSITORY:TAG#FILE`.

/// The file's name in an image, unless the source gives one.
const DEFAULT_FILE: &str = "model.gguf";

/// A file in an image.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct OciImage {
    /// `registry/repository:tag` or `…@digest`.
    pub reference: String,
    /// Path in the image.
    pub file: String,
}

impl OciImage {
    pub(crate) fn parse(rest: &str) -> Option<Self> {
        let (reference, file) = rest.split_once('#').unwrap_or((rest, DEFAULT_FILE));
        let file = file.trim_start_matches('/');
        let named = reference.contains('/') && !file.is_empty();
        named.then(|| Self { reference: reference.to_owned(), file: file.to_owned() })
    }
}
