//! Which version of a file an answer is of.

use http::{HeaderMap, HeaderName, header};

/// The hub's checksum of a large file, the same whichever storage sends it.
const LINKED_ETAG: HeaderName = HeaderName::from_static("x-linked-etag");

/// What the answers to one request say of the file's version.
#[derive(Debug, Default)]
pub(super) struct Version {
    linked: Option<String>,
    etag: Option<String>,
}

impl Version {
    /// Takes in the headers of a redirect, or of the answer that it leads to.
    pub(super) fn learn(&mut self, headers: &HeaderMap) {
        let text = |name: &HeaderName| Some(headers.get(name)?.to_str().ok()?.to_owned());
        self.linked = self.linked.take().or_else(|| text(&LINKED_ETAG));
        // That of a redirect is of the redirect.
        self.etag = text(&header::ETAG);
    }

    /// The same text, the same file; none where nothing is said.
    pub(super) fn text(self) -> Option<String> {
        self.linked.or(self.etag)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_hubs_word_counts_before_that_of_its_storage() {
        let version = |answers: &[(HeaderName, &str)]| {
            let mut version = Version::default();
            for (name, value) in answers {
                version.learn(&HeaderMap::from_iter([(name.clone(), value.parse().unwrap())]));
            }
            version.text()
        };
        let (linked, etag) = ((LINKED_ETAG, "\"sum\""), (header::ETAG, "\"node-7\""));
        assert_eq!(version(&[linked, etag.clone()]).as_deref(), Some("\"sum\""));
        assert_eq!(version(&[(header::ETAG, "\"page\""), etag.clone()]).as_deref(), Some("\"node-7\""));
        assert_eq!(version(&[etag, (header::AGE, "1")]), None);
    }
}
