//! Which image: registry, repository, and a tag or digest.

use super::error::OciError;
use std::fmt;

/// The longest reference that is taken.
const LONGEST: usize = 1024;
const DIGEST_PREFIX: &str = "sha256:";

/// A parsed `registry/repository:tag` or `registry/repository@sha256:…`.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Reference {
    /// Host, with its port if it has one.
    pub registry: String,
    /// Path of the image in the registry.
    pub repository: String,
    /// The tag or digest, as it goes into the manifest's URL.
    pub version: Version,
}

/// Which manifest of a repository.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Version {
    /// May name another manifest tomorrow.
    Tag(String),
    /// Names one manifest for ever.
    Digest(Digest),
}

/// A `sha256:` digest in its canonical form.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest(String);

impl Digest {
    /// Takes `sha256:` and 64 lower-case hexadecimal digits, which are safe in a URL; nothing else.
    pub fn parse(text: &str) -> Option<Self> {
        let hex = text.strip_prefix(DIGEST_PREFIX)?;
        let canonical = hex.len() == 64 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
        canonical.then(|| Self(text.to_owned()))
    }

    /// The digest of some content.
    pub fn of(content: &[u8]) -> Self {
        use sha2::Digest as _;
        use std::fmt::Write as _;
        let mut text = DIGEST_PREFIX.to_owned();
        for byte in sha2::Sha256::digest(content) {
            // Writing to a String cannot fail.
            let _ = write!(text, "{byte:02x}");
        }
        Self(text)
    }

    /// The whole text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl Reference {
    /// Parses a reference. The first part is always the registry: there is no default one.
    ///
    /// # Errors
    /// If it is anything else, or has characters that do not belong in a URL's path.
    pub fn parse(text: &str) -> Result<Self, OciError> {
        Self::read(text).ok_or_else(|| OciError::Reference { text: text.chars().take(128).collect() })
    }

    fn read(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let (registry, rest) = text.split_once('/')?;
        let (named, digest) = match rest.split_once('@') {
            Some((named, digest)) => (named, Some(Digest::parse(digest)?)),
            None => (rest, None),
        };
        let (repository, tag) = match named.rsplit_once(':') {
            Some((repository, tag)) => (repository, Some(tag)),
            None => (named, None),
        };
        let version = match (digest, tag) {
            (Some(digest), _) => Version::Digest(digest),
            (None, Some(tag)) if is_tag(tag) => Version::Tag(tag.to_owned()),
            _ => return None,
        };
        (is_host(registry) && is_repository(repository)).then(|| Self {
            registry: registry.to_owned(),
            repository: repository.to_owned(),
            version,
        })
    }

    /// The same repository at a digest.
    #[must_use]
    pub fn at(&self, digest: Digest) -> Self {
        Self { version: Version::Digest(digest), ..self.clone() }
    }
}

impl fmt::Display for Reference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { registry, repository, version } = self;
        match version {
            Version::Tag(tag) => write!(f, "{registry}/{repository}:{tag}"),
            Version::Digest(digest) => write!(f, "{registry}/{repository}@{digest}"),
        }
    }
}

fn is_host(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'-' | b':');
    text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.bytes().all(allowed)
}

fn is_repository(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'.' | b'_' | b'-');
    text.split('/')
        .all(|part| part.starts_with(|c: char| c.is_ascii_alphanumeric()) && part.bytes().all(allowed))
}

fn is_tag(text: &str) -> bool {
    let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'.' | b'_' | b'-');
    (1..=128).contains(&text.len()) && !text.starts_with(['.', '-']) && text.bytes().all(allowed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_are_read() {
        let tagged = Reference::parse("reg.example:5000/models/llama-3.2:q4_1").unwrap();
        assert_eq!((&*tagged.registry, &*tagged.repository), ("reg.example:5000", "models/llama-3.2"));
        assert_eq!(tagged.version, Version::Tag("q4_1".to_owned()));
        let digest = Digest::of(b"x");
        let text = format!("reg.example/m@{digest}");
        assert_eq!(Reference::parse(&text).unwrap().to_string(), text);
        let both = Reference::parse(&format!("reg.example/m:tag@{digest}")).unwrap();
        assert_eq!(both.version, Version::Digest(digest), "the digest wins");
    }

    #[test]
    fn what_does_not_belong_in_a_path_is_refused() {
        let long = format!("reg.example/{}:1", "a".repeat(2000));
        for text in [
            "",
            "m:1",
            "reg.example/m",
            "reg.example/:1",
            "reg.example/M:1",
            "reg.example/../m:1",
            "reg.example/m:",
            "reg.example/m:a/b",
            "reg.example/m?x:1",
            "reg.example/a//b:1",
            "-reg/m:1",
            "user@reg/m:1",
            "reg.example/m@sha256:abc",
            "reg.example/m@sha512:00",
            "reg.example/m:-x",
            &long,
        ] {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
    }
}
