//! An answer that can be used.

use super::IDLE_DEADLINE;
use super::client::causes;
use crate::cache::State;
use crate::error::FetchError;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use bytes::Bytes;
use flotilla_model_source::hex;
use http::{HeaderMap, HeaderName, Response, StatusCode, header};
use http_body_util::BodyExt as _;
use hyper::body::Incoming;

/// The hub's checksum of a large file, the same whichever storage sends it.
const LINKED_ETAG: HeaderName = HeaderName::from_static("x-linked-etag");
/// Its length.
const LINKED_SIZE: HeaderName = HeaderName::from_static("x-linked-size");
/// S3's checksum of an object, in base64, if it was uploaded with one.
const S3_CHECKSUM: HeaderName = HeaderName::from_static("x-amz-checksum-sha256");
/// Hex digits of a SHA-256.
const SHA256_DIGITS: usize = 64;

/// What a source says of a file beside the answer that brings it: a hub on its redirects.
#[derive(Debug, Default)]
pub(super) struct Linked {
    sha256: Option<String>,
    size: Option<u64>,
}

impl Linked {
    pub(super) fn learn(&mut self, headers: &HeaderMap) {
        let text = |name: &HeaderName| headers.get(name).and_then(|value| value.to_str().ok());
        let hub = || text(&LINKED_ETAG).and_then(hex_sha256);
        self.sha256 = self.sha256.take().or_else(hub).or_else(|| text(&S3_CHECKSUM).and_then(base64_sha256));
        self.size = self.size.or_else(|| text(&LINKED_SIZE)?.parse().ok());
    }
}

/// The head of an answer, and the body behind it.
#[derive(Debug)]
pub(crate) struct Answer {
    /// Who gave it, without secrets.
    pub(crate) url: String,
    response: Response<Incoming>,
    linked: Linked,
}

impl Answer {
    pub(super) fn new(url: String, response: Response<Incoming>, linked: Linked) -> Result<Self, FetchError> {
        let encoding = response.headers().get(header::CONTENT_ENCODING);
        if encoding.is_some_and(|encoding| encoding != "identity") {
            return Err(FetchError::Answer { url, what: "it is compressed though nobody asked".to_owned() });
        }
        Ok(Self { url, response, linked })
    }

    pub(crate) fn status(&self) -> StatusCode {
        self.response.status()
    }

    pub(crate) fn headers(&self) -> &HeaderMap {
        self.response.headers()
    }

    /// Bytes of the body.
    pub(crate) fn length(&self) -> Option<u64> {
        self.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
    }

    /// Which version of a file it is of, which has `size` bytes by the answer's own word.
    pub(crate) fn state(&self, size: Option<u64>) -> State {
        let etag = self.headers().get(header::ETAG).and_then(|etag| etag.to_str().ok());
        State {
            // A weak one says nothing about bytes.
            etag: etag.filter(|etag| !etag.starts_with("W/")).map(str::to_owned),
            size: self.linked.size.or(size),
            sha256: self.linked.sha256.clone(),
        }
    }

    /// The next piece of the body; none at its end.
    pub(crate) async fn piece(&mut self) -> Result<Option<Bytes>, FetchError> {
        loop {
            let frame = tokio::time::timeout(IDLE_DEADLINE, self.response.body_mut().frame()).await;
            let what = match frame {
                Ok(None) => return Ok(None),
                Ok(Some(Ok(frame))) => match frame.into_data() {
                    Ok(piece) => return Ok(Some(piece)),
                    Err(_trailers) => continue,
                },
                Ok(Some(Err(error))) => format!("broke off: {}", causes(&error)),
                Err(_) => format!("sends nothing for {} s", IDLE_DEADLINE.as_secs()),
            };
            return Err(FetchError::Interrupted { url: self.url.clone(), what });
        }
    }

    /// The whole body, of at most `limit` bytes.
    pub(crate) async fn whole(mut self, limit: usize) -> Result<Vec<u8>, FetchError> {
        let mut body = Vec::new();
        while let Some(piece) = self.piece().await? {
            if body.len() + piece.len() > limit {
                return Err(FetchError::Answer { url: self.url, what: format!("more than {limit} bytes") });
            }
            body.extend_from_slice(&piece);
        }
        Ok(body)
    }
}

fn hex_sha256(etag: &str) -> Option<String> {
    let digits = etag.trim_start_matches("W/").trim_matches('"');
    let is_sha256 = digits.len() == SHA256_DIGITS && digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    is_sha256.then(|| digits.to_ascii_lowercase())
}

/// That of an object as a whole: one over the checksums of its parts ends in `-N`, and is no base64.
fn base64_sha256(value: &str) -> Option<String> {
    let bytes = STANDARD.decode(value).ok().filter(|bytes| bytes.len() * 2 == SHA256_DIGITS)?;
    Some(hex(&bytes))
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;

    fn linked(name: &HeaderName, value: &str) -> Option<String> {
        let mut linked = Linked::default();
        linked.learn(&HeaderMap::from_iter([(name.clone(), value.parse().unwrap())]));
        linked.sha256
    }

    #[test]
    fn checksums_are_told_from_other_tags() {
        let sha256 = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
        assert_eq!(linked(&LINKED_ETAG, &format!("\"{sha256}\"")).as_deref(), Some(sha256));
        // A git object's, of a small file.
        assert_eq!(linked(&LINKED_ETAG, "\"0efc85b7c7d5e0d3a3bf1a8c7c0e9f1d2c3b4a59\""), None);
        let base64 = "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=";
        assert_eq!(linked(&S3_CHECKSUM, base64).as_deref(), Some(sha256));
        assert_eq!(linked(&S3_CHECKSUM, &format!("{base64}-3")), None);
    }

    #[test]
    fn the_first_word_counts() {
        let mut linked = Linked::default();
        for size in ["10", "20"] {
            linked.learn(&HeaderMap::from_iter([(LINKED_SIZE, size.parse().unwrap())]));
        }
        assert_eq!(linked.size, Some(10));
    }
}
