//! What a detector says to small texts.

use super::anchor::{Spot, Spots};
use super::begin::Interests;
use super::context::{Context, Words};
use super::detectors::Detector;
use super::place::Place;
use std::cell::RefCell;
use std::sync::Arc;

fn found(detector: &'static Detector, text: &str) -> bool {
    let words = Arc::new(Words::of(&[detector]).unwrap());
    let context = RefCell::new(Context::new(words));
    let text = text.as_bytes();
    let interests = Interests::of([detector.begins].into_iter());
    let find =
        |Spot { at, digits }| (detector.find)(&Place { text, at, digits, context: &context, detector: 0 });
    Spots::new(text, 0, text.len()).filter(|spot| interests.at(text, *spot) != 0).any(find)
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
