//! What was decided before.

use super::Reason;
use jiff::Timestamp;
use std::collections::VecDeque;

/// Changes that are remembered.
const KEPT: usize = 5;

/// One change of the number of replicas of one variant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Change {
    /// When it was decided.
    pub at: Timestamp,
    /// Replicas before.
    pub from: u32,
    /// Replicas that were asked for.
    pub to: u32,
    /// In one word.
    pub reason: Reason,
    /// For a person.
    pub message: String,
}

/// The last changes, the newest first.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    changes: VecDeque<Change>,
}

impl History {
    /// Adds a change. The same change for the same reason again, because what was asked for has not been seen yet, is
    /// the one that is there.
    pub fn add(&mut self, change: Change) {
        let repeated = self
            .changes
            .front()
            .is_some_and(|last| (last.from, last.to, last.reason) == (change.from, change.to, change.reason));
        if !repeated {
            self.changes.truncate(KEPT - 1);
            self.changes.push_front(change);
        }
    }

    /// The newest first.
    pub fn iter(&self) -> impl Iterator<Item = &Change> {
        self.changes.iter()
    }
}
