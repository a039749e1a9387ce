//! A record's reasons as people read them.

use super::{Note, Record};
use crate::snapshot::BackendIndex;
use crate::upstream::Failure;
use std::fmt;

impl Record {
    /// What led to the decision, and what happened to it.
    pub(super) fn reasons_in_words(&self) -> Vec<String> {
        let planned = self.reasons.iter().map(|reason| reason.describe(&self.policy).to_string());
        let failed = self.failed.iter().map(|failed| self.failed_in_words(failed).to_string());
        let notes = self.notes.iter().map(|note| self.note_in_words(note).to_string());
        planned.chain(failed).chain(notes).collect()
    }

    fn failed_in_words<'a>(
        &'a self,
        (backend, failure): &'a (BackendIndex, Failure),
    ) -> impl fmt::Display + 'a {
        let name = self.name(*backend);
        fmt::from_fn(move |f| write!(f, "{name} failed: {failure}"))
    }

    fn note_in_words<'a>(&'a self, note: &'a Note) -> impl fmt::Display + 'a {
        let name = |index: &BackendIndex| self.name(*index);
        fmt::from_fn(move |f| match note {
            Note::Hedged(index) => write!(f, "a second leg to {}, since the first was slow", name(index)),
            Note::Outrun(index) => write!(f, "the leg to {} was slower", name(index)),
            Note::Continued(index) => write!(f, "the stream broke off and {} went on", name(index)),
            Note::Denied => f.write_str("the retry budget is spent"),
        })
    }
}

/// The reasons of a record in one line.
pub(super) struct Reasons<'a>(pub(super) &'a Record);

impl fmt::Display for Reasons<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self(record) = self;
        let mut between = "";
        let mut one = |words: &dyn fmt::Display| {
            f.write_str(between)?;
            between = "; ";
            write!(f, "{words}")
        };
        record.reasons.iter().try_for_each(|reason| one(&reason.describe(&record.policy)))?;
        record.failed.iter().try_for_each(|failed| one(&record.failed_in_words(failed)))?;
        record.notes.iter().try_for_each(|note| one(&record.note_in_words(note)))
    }
}
