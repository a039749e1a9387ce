//! What the hub is to do next, and what it was asked.

use serde::{Deserialize, Serialize};
use std::collections::VecDeque;

/// The hub's behaviour from now on.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", default, deny_unknown_fields)]
pub struct Script {
    /// One for each request for bytes of a file, in order; after the last, requests are answered well.
    pub faults: VecDeque<Fault>,
    /// Whether the last fault stays for all further requests.
    pub repeat: bool,
    /// Milliseconds between pieces of 16 KiB.
    pub gap_ms: u64,
    /// Whether ranges are ignored.
    pub no_ranges: bool,
}

/// How one request goes wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum Fault {
    /// It does not.
    None,
    /// An error of this status; 429 comes with `retry-after: 1`.
    Status(u16),
    /// The connection closes after this many bytes of the body.
    CutAfter(u64),
    /// One bit of the body is another.
    WrongBytes,
}

/// One request as it came.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Asked {
    /// The path, without query.
    pub path: String,
    /// The host that was asked.
    pub host: String,
    /// The header Range.
    #[serde(default)]
    pub range: Option<String>,
    /// The header Authorization.
    #[serde(default)]
    pub authorization: Option<String>,
    /// Bytes of the body that were sent.
    pub sent: u64,
}

impl Script {
    /// The fault of the next request.
    pub(super) fn next_fault(&mut self) -> Fault {
        if self.repeat && self.faults.len() == 1 {
            return self.faults[0];
        }
        self.faults.pop_front().unwrap_or(Fault::None)
    }
}
