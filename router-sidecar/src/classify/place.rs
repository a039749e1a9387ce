//! One place in a text that a detector looks at.

use super::context::Context;
use std::cell::RefCell;

/// Words further away do not belong to a number, in bytes.
pub(super) const NEAR: usize = 64;

/// A place in a window of text. Offsets count from it.
pub(super) struct Place<'a> {
    pub(super) text: &'a [u8],
    pub(super) at: usize,
    /// How many digits follow each other from it on.
    pub(super) digits: usize,
    pub(super) context: &'a RefCell<Context>,
    /// Which detector's words count.
    pub(super) detector: usize,
}

impl Place<'_> {
    /// The byte so far behind the place.
    pub(super) fn byte(&self, offset: usize) -> Option<u8> {
        self.text.get(self.at + offset).copied()
    }

    /// The byte so far before the place.
    pub(super) fn back(&self, offset: usize) -> Option<u8> {
        self.text.get(self.at.checked_sub(offset)?).copied()
    }

    /// How many digits follow each other from an offset on.
    pub(super) fn run(&self, offset: usize) -> usize {
        let rest = self.text.get(self.at + offset..).unwrap_or_default();
        // No detector cares how long a longer one is.
        rest.iter().take(64).take_while(|byte| byte.is_ascii_digit()).count()
    }

    /// The digit at an offset, which is one.
    pub(super) fn digit(&self, offset: usize) -> u8 {
        self.byte(offset).map_or(0, |byte| byte.wrapping_sub(b'0'))
    }

    /// The number of so many digits at an offset.
    pub(super) fn number(&self, offset: usize, digits: usize) -> u32 {
        (offset..offset + digits).fold(0, |sum, at| sum * 10 + u32::from(self.digit(at)))
    }

    /// Whether nothing before the place makes it part of something longer.
    pub(super) fn begins_word(&self) -> bool {
        match self.back(1) {
            Some(b'-' | b'.' | b'/') => !self.back(2).is_some_and(|byte| byte.is_ascii_digit()),
            Some(byte) => !byte.is_ascii_alphanumeric(),
            None => true,
        }
    }

    /// Whether nothing behind an offset makes it part of something longer.
    pub(super) fn ends_word(&self, offset: usize) -> bool {
        match self.byte(offset) {
            Some(b'-' | b'.' | b'/') => !self.byte(offset + 1).is_some_and(|byte| byte.is_ascii_digit()),
            Some(byte) => !byte.is_ascii_alphanumeric(),
            None => true,
        }
    }

    /// Both.
    pub(super) fn stands_alone(&self, length: usize) -> bool {
        self.begins_word() && self.ends_word(length)
    }

    /// Whether one of the detector's words is close before the place.
    pub(super) fn in_context(&self) -> bool {
        let from = self.at.saturating_sub(NEAR);
        self.context.borrow_mut().any(self.text, self.detector, from..self.at)
    }

    /// Whether one of them is close before or behind it.
    pub(super) fn around_context(&self) -> bool {
        let from = self.at.saturating_sub(NEAR);
        let to = (self.at + NEAR).min(self.text.len());
        self.context.borrow_mut().any(self.text, self.detector, from..to)
    }
}
