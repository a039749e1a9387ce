//! `spec.model.source`. A new kind of source is a file in `scheme`, a variant here and a line in [`SCHEMES`].

use crate::scheme::{HuggingFace, NodeFile, OciImage, S3Object, VolumeFile, WebFile};

/// A parsed source.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Source {
    /// A file in an OCI image, which the kubelet mounts.
    Oci(OciImage),
    /// A file or a whole repository of a hub that speaks Hugging Face's protocol.
    HuggingFace(HuggingFace),
    /// An object behind the S3 API.
    S3(S3Object),
    /// A file behind a URL.
    Https(WebFile),
    /// A file in a volume that is there already.
    Pvc(VolumeFile),
    /// A file that lies on the node.
    File(NodeFile),
}

/// Reads what stands behind the scheme; none if it has not the form.
type Parse = fn(&str) -> Option<Source>;

const SCHEMES: &[(&str, Parse)] = &[
    ("oci://", |rest| OciImage::parse(rest).map(Source::Oci)),
    ("hf://", |rest| HuggingFace::parse(rest).map(Source::HuggingFace)),
    ("s3://", |rest| S3Object::parse(rest).map(Source::S3)),
    ("https://", |rest| WebFile::parse(rest).map(Source::Https)),
    ("pvc://", |rest| VolumeFile::parse(rest).map(Source::Pvc)),
    ("file://", |rest| NodeFile::parse(rest).map(Source::File)),
];

/// Why a source cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "spec.model.source {shown:?} must be oci://REGISTRY/REPOSITORY:TAG#FILE, hf://OWNER/REPOSITORY/FILE@REVISION, \
     s3://BUCKET/KEY, https://HOST/PATH, pvc://CLAIM/PATH or file:///PATH, without '..'"
)]
pub struct SourceError {
    /// The source without its query, which may hold a secret.
    shown: String,
}

impl Source {
    /// Parses a source. The API server checked its form; this does not rely on that.
    ///
    /// # Errors
    /// If no scheme takes it, or it climbs out of its place by `..`.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let climbs = text.split(['/', '#', '?', '@']).any(|part| part == "..");
        let scheme = SCHEMES.iter().find_map(|(scheme, parse)| Some((text.strip_prefix(scheme)?, parse)));
        let parsed = scheme.filter(|_| !climbs).and_then(|(rest, parse)| parse(rest));
        parsed.ok_or_else(|| SourceError { shown: text.split('?').next().unwrap_or_default().to_owned() })
    }

    /// Path of the file where the engine finds the model mounted; empty for a whole repository.
    pub fn file(&self) -> &str {
        match self {
            Self::Oci(image) => &image.file,
            Self::HuggingFace(hub) => hub.file.as_deref().unwrap_or_default(),
            Self::S3(object) => object.file(),
            Self::Https(web) => web.file(),
            Self::Pvc(volume) => &volume.file,
            Self::File(node) => node.file(),
        }
    }

    /// Whether a fetcher brings it into a cache; the others are mounted where they lie.
    pub const fn is_fetched(&self) -> bool {
        matches!(self, Self::HuggingFace(_) | Self::S3(_) | Self::Https(_))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn each_scheme_leads_to_its_source_and_file() {
        for (text, fetched, file) in [
            ("oci://reg.example:5000/models/llama:q4#sub/llama.gguf", false, "sub/llama.gguf"),
            ("oci://reg.example/m:1", false, "model.gguf"),
            ("hf://owner/name/dir/m.gguf", true, "dir/m.gguf"),
            ("hf://owner/name@refs/pr/3", true, ""),
            ("s3://bucket/a/b.gguf", true, "b.gguf"),
            ("https://host.example/a/m.gguf?sig=1", true, "m.gguf"),
            ("pvc://weights/a/b.gguf", false, "a/b.gguf"),
            ("file:///srv/models/m.gguf", false, "m.gguf"),
        ] {
            let source = Source::parse(text).unwrap();
            assert_eq!((source.is_fetched(), source.file()), (fetched, file), "{text}");
        }
    }

    #[test]
    fn others_are_refused_without_their_queries() {
        for text in [
            "",
            "m.gguf",
            "oci://x",
            "oci://r/m:1#",
            "pvc://claim",
            "pvc:///x",
            "http://x/y",
            "https://x",
            "hf://owner",
            "s3://bucket",
            "file://host/x",
            "pvc://c/../../etc/passwd",
            "hf://o/n/../x",
            "https://host/../x?secret=1",
        ] {
            let error = Source::parse(text).unwrap_err().to_string();
            assert!(!error.contains("secret"), "{error}");
        }
    }

    proptest! {
        #[test]
        fn no_file_leaves_its_folder(text in "(oci|hf|s3|https|pvc|file)://[a-z./#@?%]{0,40}") {
            if let Ok(source) = Source::parse(&text) {
                let file = source.file();
                prop_assert!(!file.starts_with('/') && file.split('/').all(|part| part != ".."), "{text}: {file}");
            }
        }
    }
}
