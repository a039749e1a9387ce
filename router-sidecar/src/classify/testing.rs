//! What a detector says to small texts.

use super::context::{Context, Words};
use super::detectors::{Anchor, Detector};
use super::place::Place;
use std::cell::RefCell;
use std::sync::Arc;

fn found(detector: &'static Detector, text: &str) -> bool {
    let words = Arc::new(Words::of(&[detector]).unwrap());
    let context = RefCell::new(Context::new(words));
    let text = text.as_bytes();
    let anchored = |at: &usize| match detector.anchor {
        Anchor::At => text[*at] == b'@',
        Anchor::Digit => text[*at].is_ascii_digit() && (*at == 0 || !text[at - 1].is_ascii_digit()),
    };
    let find = |at| (detector.find)(&Place { text, at, context: &context, detector: 0 });
    (0..text.len()).filter(anchored).any(find)
}

/// It is found in each of these.
pub(super) fn finds(detector: &'static Detector, texts: &[&str]) {
    for text in texts {
        assert!(found(detector, text), "not found in {text:?}");
    }
}

/// And in none of these.
pub(super) fn passes(detector: &'static Detector, texts: &[&str]) {
    for text in texts {
        assert!(!found(detector, text), "found in {text:?}");
    }
}
