//! What is remembered of one file, and when it is looked at again. Pure: the time is a value.

use super::{Failure, FileState, Look};
use crate::model_file::{Format, ModelFile};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// A tag, a branch or a key may mean another file tomorrow; this often its version is compared.
const REFRESH: Duration = Duration::from_mins(10);
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
    /// The image's digest, or what the source says of the file's version. Another one means another file.
    pub(super) version: Option<String>,
    /// What the file says.
    pub(super) file: Arc<ModelFile>,
}

impl Head {
    /// What `file` says; an error if the engine does not load its format. `path` is for the message.
    pub(super) fn new(file: ModelFile, version: Option<String>, path: &str) -> Result<Self, Failure> {
        if file.format != Format::Gguf {
            return Err(Failure::not_gguf(path));
        }
        Ok(Self { version, file: Arc::new(file) })
    }
}

/// One file.
#[derive(Debug, Default)]
pub(super) struct Entry {
    head: Option<Head>,
    failure: Option<Arc<Failure>>,
    failures: u32,
    /// When it is read again; never, for what cannot move and was read.
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
                self.due = may_move.then(|| now + REFRESH);
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::conditions::Reason;

    fn head() -> Head {
        let file = ModelFile {
            format: Format::Gguf,
            architecture_name: None,
            architecture: None,
            weights: None,
            quantization: None,
            notes: Vec::new(),
        };
        Head::new(file, Some("v1".to_owned()), "m.gguf").unwrap()
    }

    fn failure(passing: bool) -> Failure {
        Failure { reason: Reason::RegistryUnreachable, message: String::new(), passing }
    }

    #[test]
    fn a_digest_is_read_once_and_a_tag_again_after_a_while() {
        let now = Instant::now();
        let mut entry = Entry::default();
        assert!(entry.is_due(now) && matches!(entry.look(now).state, FileState::Reading));
        entry.store(Ok(head()), false, now);
        assert!(!entry.is_due(now + Duration::from_hours(24 * 365)));
        assert_eq!(entry.look(now).again, None);
        entry.store(Ok(head()), true, now);
        assert!(!entry.is_due(now + REFRESH / 2) && entry.is_due(now + REFRESH));
        assert_eq!(entry.look(now).again, Some(REFRESH));
    }

    #[test]
    fn failures_are_tried_again_later_and_later_and_keep_what_was_known() {
        let now = Instant::now();
        let mut entry = Entry::default();
        let delays: Vec<_> = (0..12)
            .map(|_| {
                entry.store(Err(failure(true)), true, now);
                entry.look(now).again.unwrap()
            })
            .collect();
        assert_eq!(delays[0], FIRST_RETRY);
        assert!(delays.is_sorted() && delays[11] == LONGEST_RETRY, "{delays:?}");
        assert!(matches!(entry.look(now).state, FileState::Failed(_)));

        entry.store(Ok(head()), true, now);
        entry.store(Err(failure(false)), true, now);
        assert_eq!(entry.look(now).again, Some(FIRST_LASTING_RETRY), "a success starts the delays over");
        assert!(matches!(entry.look(now).state, FileState::Known { since: Some(_), .. }));
    }
}
