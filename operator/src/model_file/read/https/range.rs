//! The headers of ranges.

use flotilla_model_source::ContentRange;
use http::{HeaderMap, header};

/// The Range header for the bytes from `start` up to and without `end`, which is larger.
pub(super) fn header(start: u64, end: u64) -> String {
    format!("bytes={start}-{}", end.saturating_sub(1))
}

/// What part of a file an answer holds, if it says so in a way that makes sense.
pub(super) fn content_range(headers: &HeaderMap) -> Option<ContentRange> {
    ContentRange::parse(headers.get(header::CONTENT_RANGE)?.to_str().ok()?)
}
