//! What is remembered of one file, and when it is looked at again. Pure: the time is a value.

use super::{Failure, FileState, Look};
use crate::model_file::ModelFile;
use crate::model_file::read::oci::Digest;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A tag may be pushed anew; this often its digest is compared.
const TAG_REFRESH: Duration = Duration::from_mins(10);
/// After a failure that time may mend; doubled for each one in a row.
const FIRST_RETRY: Duration = Duration::from_secs(10);
/// After a failure that somebody has to mend, outside of the object; likewise.
const FIRST_LASTING_RETRY: Duration = Duration::from_secs(30);
const LONGEST_RETRY: Duration = Duration::from_mins(10);
/// From here on the delay is [`LONGEST_RETRY`] anyway.
const LARGEST_EXPONENT: u32 = 8;

/// What a reading found.
#[derive(Debug, Clone)]
pub(super) struct Head {
    /// Of the image.
    pub(super) digest: Digest,
    /// What the file says.
    pub(super) file: Arc<ModelFile>,
}

/// One file.
#[derive(Debug, Default)]
pub(super) struct Entry {
    head: Option<Head>,
    failure: Option<Arc<Failure>>,
    failures: u32,
    /// When it is read again; never, for a digest that was read.
    due: Option<Instant>,
    looked: bool,
}

impl Entry {
    /// What was found last.
    pub(super) fn head(&self) -> Option<&Head> {
        self.head.as_ref()
    }

    /// Whether to read it now.
    pub(super) fn is_due(&self, now: Instant) -> bool {
        !self.looked || self.due.is_some_and(|due| now >= due)
    }

    /// Takes a result in.
    pub(super) fn store(&mut self, result: Result<Head, Failure>, may_move: bool, now: Instant) {
        self.looked = true;
        match result {
            Ok(head) => {
                self.head = Some(head);
                self.failure = None;
                self.failures = 0;
                self.due = may_move.then(|| now + TAG_REFRESH);
            }
            Err(failure) => {
                let first = if failure.passing { FIRST_RETRY } else { FIRST_LASTING_RETRY };
                self.due = Some(now + first.saturating_mul(1 << self.failures).min(LONGEST_RETRY));
                self.failures = (self.failures + 1).min(LARGEST_EXPONENT);
                self.failure = Some(Arc::new(failure));
            }
        }
    }

    /// What is known, with the time until the next look.
    pub(super) fn look(&self, now: Instant) -> Look {
        let state = match (&self.head, &self.failure) {
            (Some(head), since) => FileState::Known { file: head.file.clone(), since: since.clone() },
            (None, Some(failure)) => FileState::Failed(failure.clone()),
            (None, None) => FileState::Reading,
        };
        Look { state, again: self.due.map(|due| due.saturating_duration_since(now)) }
    }
}
