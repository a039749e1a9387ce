//! Names of folders in a cache: one for what can only be one thing, whoever asks for it.

use crate::hex::hex;
use crate::source::Source;
use sha2::{Digest, Sha256};

/// Bytes of a checksum that tell folders apart: with 8, a billion of them collide once in 40 times.
const DISTINCT: usize = 8;
/// The part of a name that is for people is cut here. Names of files may have 255 bytes.
const LONGEST: usize = 80;

/// The folder for what `source` brings from `endpoint`; none for what is not fetched.
///
/// Two sources share a folder only if they mean the same files. A checksum is part of the name, so that another one in
/// the spec leads to another download; a URL's query is not where there is one, so that a new signature does not.
pub fn folder(source: &Source, endpoint: Option<&str>, sha256: Option<&str>) -> Option<String> {
    let (readable, identity) = match source {
        Source::HuggingFace(hub) => {
            let place = format!("hf-{}-{}", hub.repository, hub.revision);
            // One folder for all files of a repository would be shown to engines that asked for one of them.
            let identity = format!("{place}\n{}", hub.file.as_deref().unwrap_or_default());
            (place, identity)
        }
        Source::S3(object) => {
            (format!("s3-{}", object.bucket), format!("s3\n{}\n{}", object.bucket, object.key))
        }
        Source::Https(web) => {
            let identity = if sha256.is_some() { web.public() } else { &web.url };
            (format!("https-{}", web.file()), identity.to_owned())
        }
        Source::Oci(_) | Source::Pvc(_) | Source::File(_) => return None,
    };
    let all = format!("{identity}\n{}\n{}", endpoint.unwrap_or_default(), sha256.unwrap_or_default());
    let distinct = hex(&Sha256::digest(all)[..DISTINCT]);
    let plain = |c: char| if c.is_ascii_alphanumeric() || c == '.' { c.to_ascii_lowercase() } else { '-' };
    let readable: String = readable.chars().take(LONGEST).map(plain).collect();
    Some(format!("{readable}-{distinct}"))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    fn name(source: &str, endpoint: Option<&str>, sha256: Option<&str>) -> String {
        folder(&Source::parse(source).unwrap(), endpoint, sha256).unwrap()
    }

    #[test]
    fn what_may_differ_has_folders_of_its_own() {
        let names = [
            name("hf://o/n/a.gguf", None, None),
            name("hf://o/n/b.gguf", None, None),
            name("hf://o/n/a.gguf@v2", None, None),
            name("hf://o/n/a.gguf", Some("https://mirror.example"), None),
            name("hf://o/n/a.gguf", None, Some("ab")),
            name("s3://o/n/a.gguf", None, None),
            name("https://o/n/a.gguf", None, None),
            name("https://o/n/a.gguf?id=2", None, None),
        ];
        assert_eq!(names.iter().collect::<BTreeSet<_>>().len(), names.len(), "{names:?}");
        let harmless = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '.';
        assert!(names.iter().all(|name| name.chars().all(harmless)), "{names:?}");
    }

    #[test]
    fn a_new_signature_means_the_same_file_where_its_checksum_is_known() {
        let url = |query: &str, sha256| name(&format!("https://h/m.gguf?{query}"), None, sha256);
        assert_eq!(url("sig=1", Some("ab")), url("sig=2", Some("ab")));
        assert_ne!(url("sig=1", None), url("sig=2", None));
    }

    #[test]
    fn names_stay_as_they_are_from_version_to_version() {
        // Otherwise an upgrade would download every model again.
        assert_eq!(name("hf://Owner/Name/m.gguf", None, None), "hf-owner-name-main-4cf6860c84690ebc");
    }

    #[test]
    fn what_is_mounted_needs_none() {
        assert_eq!(folder(&Source::parse("pvc://c/m.gguf").unwrap(), None, None), None);
    }
}
