//! Which version of a file an unfinished download is of.

use serde::{Deserialize, Serialize};

/// What the source said of the file when the download began.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct State {
    /// The strong ETag of the answer that brought the bytes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) etag: Option<String>,
    /// Bytes of the whole file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) size: Option<u64>,
    /// Its SHA-256 in hex, by the source's word.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) sha256: Option<String>,
}

impl State {
    /// Whether an answer is of the same version, as far as both say anything.
    pub(crate) fn agrees(&self, other: &Self) -> bool {
        fn same<T: PartialEq>(a: Option<&T>, b: Option<&T>) -> bool {
            a.zip(b).is_none_or(|(a, b)| a == b)
        }
        // Storage behind a hub may be another at each answer, with ETags of its own: the checksum is the better word.
        let told_by_checksum = self.sha256.is_some() && other.sha256.is_some();
        same(self.sha256.as_ref(), other.sha256.as_ref())
            && same(self.size.as_ref(), other.size.as_ref())
            && (told_by_checksum || same(self.etag.as_ref(), other.etag.as_ref()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn state(etag: &str, size: u64, sha256: &str) -> State {
        let given = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
        State { etag: given(etag), size: Some(size).filter(|size| *size > 0), sha256: given(sha256) }
    }

    #[test]
    fn versions_are_told_apart_by_what_both_say() {
        for (a, b, agree) in [
            (state("a", 9, "x"), state("a", 9, "x"), true),
            (state("a", 9, ""), state("b", 9, ""), false),
            (state("a", 9, "x"), state("b", 9, "x"), true),
            (state("a", 9, "x"), state("a", 9, "y"), false),
            (state("a", 9, "x"), state("a", 8, "x"), false),
            (state("", 9, ""), state("b", 9, "x"), true),
            (state("", 0, ""), state("", 0, ""), true),
        ] {
            assert_eq!(a.agrees(&b), agree, "{a:?} {b:?}");
        }
    }
}
