//! What a fetcher says of itself: lines while it works, one message when it ends without success.

use serde::{Deserialize, Serialize};

/// Why a fetcher ended, in one word. Its exit code is beside it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Cause {
    /// The source refuses the credentials, or wants some.
    Unauthorized,
    /// The source does not have it.
    NotFound,
    /// What came is not what was promised.
    ChecksumMismatch,
    /// The cache's disk cannot hold it.
    DiskFull,
    /// The source is away, broke off, or asks for patience. The next start goes on where this one ended.
    Interrupted,
    /// Anything that only a person can mend: an answer that makes no sense, a cache that cannot be written.
    Failed,
}

impl Cause {
    /// What the process ends with.
    pub const fn exit_code(self) -> u8 {
        match self {
            Self::Failed => 1,
            Self::Unauthorized => 11,
            Self::NotFound => 12,
            Self::ChecksumMismatch => 13,
            Self::DiskFull => 14,
            Self::Interrupted => 15,
        }
    }
}

/// The termination message of a fetcher that ended without success.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Failure {
    /// In one word.
    pub cause: Cause,
    /// In a sentence, without secrets.
    pub message: String,
    /// Bytes that the cache has of the model, for the next start.
    pub bytes: u64,
}

/// One line of a fetcher's output while it works.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Progress {
    /// Bytes that the cache has of the model.
    pub bytes: u64,
    /// Bytes of the whole model, once that is known.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub total: Option<u64>,
    /// Over the last seconds.
    pub bytes_per_second: u64,
    /// Whether another replica on the node downloads it, and this one waits.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub waiting: bool,
}

impl Progress {
    /// The last such line of a log.
    pub fn last_of(log: &str) -> Option<Self> {
        log.lines().rev().find_map(|line| serde_json::from_str(line).ok())
    }

    /// Whole percent, rounded down, so that 100 means all; none while the total is not known.
    pub fn percent(&self) -> Option<u8> {
        let total = self.total.filter(|total| *total > 0)?;
        let percent = u128::from(self.bytes.min(total)) * 100 / u128::from(total);
        u8::try_from(percent).ok()
    }
}

impl Failure {
    /// Reads a termination message.
    pub fn parse(message: &str) -> Option<Self> {
        serde_json::from_str(message.trim()).ok()
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn the_last_line_that_is_progress_counts() {
        let line = |bytes| {
            let progress = Progress { bytes, total: Some(200), bytes_per_second: 7, waiting: false };
            serde_json::to_string(&progress).unwrap()
        };
        let log = format!("{}\nretrying\n{}\n{{\"bytes\":", line(10), line(150));
        assert_eq!(Progress::last_of(&log).unwrap().percent(), Some(75));
        assert_eq!(Progress::last_of("starting"), None);
    }

    #[test]
    fn all_but_a_byte_is_not_a_hundred_percent() {
        let at = |bytes, total| Progress { bytes, total, bytes_per_second: 0, waiting: false }.percent();
        assert_eq!(at(u64::MAX - 1, Some(u64::MAX)), Some(99));
        assert_eq!(at(5, Some(5)), Some(100));
        assert_eq!((at(9, Some(5)), at(5, None), at(0, Some(0))), (Some(100), None, None));
    }

    #[test]
    fn causes_are_told_apart_by_the_exit_code() {
        let all = [
            Cause::Unauthorized,
            Cause::NotFound,
            Cause::ChecksumMismatch,
            Cause::DiskFull,
            Cause::Interrupted,
            Cause::Failed,
        ];
        assert_eq!(all.map(Cause::exit_code).iter().collect::<BTreeSet<_>>().len(), all.len());
    }
}
