//! A part of a long text that moves on as more of it comes.

use super::context::{Context, Words};
use std::cell::RefCell;
use std::sync::Arc;

/// How much is looked at together.
const SIZE: usize = 64 * 1024;
/// What stays of what was looked at: words before a number, and the beginning of what a pattern may match.
const BEHIND: usize = 512;
/// What must be there behind a place before it is looked at; the longest thing that a detector looks for is shorter.
const AHEAD: usize = 128;

/// The window.
pub(super) struct Window {
    text: Vec<u8>,
    scanned: usize,
    context: RefCell<Context>,
}

impl Window {
    pub(super) fn new(words: &Arc<Words>) -> Self {
        Self { text: Vec::new(), scanned: 0, context: RefCell::new(Context::new(Arc::clone(words))) }
    }

    /// The text in it.
    pub(super) fn text(&self) -> &[u8] {
        &self.text
    }

    /// From where on nobody has looked.
    pub(super) fn scanned(&self) -> usize {
        self.scanned
    }

    /// What is known of the words in it.
    pub(super) fn context(&self) -> &RefCell<Context> {
        &self.context
    }

    /// More text; `look` is given the window, and how far to look, whenever it is full.
    pub(super) fn push(&mut self, mut more: &[u8], mut look: impl FnMut(&Self, usize)) {
        while !more.is_empty() {
            let (now, later) = more.split_at(more.len().min(SIZE - self.text.len()));
            self.text.extend_from_slice(now);
            more = later;
            if self.text.len() == SIZE {
                let end = SIZE - AHEAD;
                look(self, end);
                self.text.drain(..end - BEHIND);
                self.scanned = BEHIND;
                self.context.get_mut().clear();
            }
        }
    }

    /// The text ends here.
    pub(super) fn finish(&mut self, look: impl FnOnce(&Self, usize)) {
        look(self, self.text.len());
    }
}
