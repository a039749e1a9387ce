//! What the provider received, and what it bills for it.

use bytes::Bytes;
use http::HeaderMap;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Sums since the start or the last `DELETE /_seen`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seen {
    /// Requests for completions, good or bad.
    pub requests: u64,
    /// Of these, without the right key.
    pub unauthorized: u64,
    /// Bytes of their headers and bodies.
    pub bytes: u64,
    /// Answers whose client left before their end.
    pub abandoned: u64,
    /// Prompt tokens billed.
    pub prompt_tokens: u64,
    /// Of these, at the price of cached ones.
    #[serde(default)]
    pub cached_tokens: u64,
    /// Completion tokens billed: those that were sent.
    pub completion_tokens: u64,
    /// How many requests each marker of the script was in, anywhere in headers or body.
    pub markers: BTreeMap<String, u64>,
}

/// One request as it came.
#[derive(Debug, Clone, Default)]
pub struct Received {
    /// Its headers.
    pub headers: HeaderMap,
    /// Its body.
    pub body: Bytes,
}

impl Seen {
    /// Counts a request.
    pub(super) fn add(&mut self, received: &Received, markers: &[String]) {
        let mut text = received.body.to_vec();
        for (name, value) in &received.headers {
            text.extend_from_slice(name.as_ref());
            text.extend_from_slice(value.as_bytes());
        }
        self.requests += 1;
        self.bytes += text.len() as u64;
        for marker in markers {
            let found = !marker.is_empty() && text.windows(marker.len()).any(|w| w == marker.as_bytes());
            *self.markers.entry(marker.clone()).or_default() += u64::from(found);
        }
    }
}
