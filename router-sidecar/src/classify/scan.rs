//! One pass over one request.

use super::anchor::{Spot, Spots};
use super::begin::Set;
use super::compile::Classifier;
use super::place::Place;
use super::window::Window;

/// What is known of a request so far.
pub(super) struct Scan<'a> {
    classifier: &'a Classifier,
    /// What messages say: their parts follow each other.
    content: Window,
    /// Everything else, each string by itself.
    other: Window,
    found: Found,
}

/// Which detectors and patterns have found something.
struct Found {
    places: Vec<usize>,
    /// Whether each is still asked: not once its class is found.
    asked: Vec<bool>,
    /// The detectors among them.
    detectors: Set,
}

impl Found {
    fn add(&mut self, classifier: &Classifier, index: usize) {
        self.places.push(index);
        let class = classifier.class(index);
        let asked = self.asked.iter_mut().enumerate();
        asked.for_each(|(other, asked)| *asked &= classifier.class(other) != class);
        let asked = (0..classifier.detectors.len()).filter(|index| self.asks(*index));
        self.detectors = asked.fold(0, |set, index| set | 1 << index);
    }

    fn asks(&self, index: usize) -> bool {
        self.asked.get(index).copied().unwrap_or(false)
    }
}

impl<'a> Scan<'a> {
    pub(super) fn new(classifier: &'a Classifier) -> Self {
        let window = || Window::new(&classifier.words);
        let found = Found { places: Vec::new(), asked: vec![true; classifier.count()], detectors: Set::MAX };
        Self { classifier, content: window(), other: window(), found }
    }

    /// Whether nothing is left to find.
    pub(super) fn is_done(&self) -> bool {
        !self.found.asked.contains(&true)
    }

    /// More of a message's content.
    pub(super) fn content(&mut self, text: &[u8]) {
        let Self { classifier, content, found, .. } = self;
        content.push(text, |window, end| look(classifier, window, end, found));
    }

    /// More of any other string.
    pub(super) fn other(&mut self, text: &[u8]) {
        let Self { classifier, other, found, .. } = self;
        other.push(text, |window, end| look(classifier, window, end, found));
    }

    /// The places of what was found.
    pub(super) fn finish(mut self) -> Vec<usize> {
        let Self { classifier, content, other, found } = &mut self;
        for window in [content, other] {
            window.finish(|window, end| look(classifier, window, end, found));
        }
        self.found.places
    }
}

/// Looks at all places of a window up to `end`.
fn look(classifier: &Classifier, window: &Window, end: usize, found: &mut Found) {
    let text = window.text();
    for spot in Spots::new(text, window.scanned(), end) {
        let mut interested = classifier.interests.at(text, spot) & found.detectors;
        while interested != 0 {
            let index = interested.trailing_zeros() as usize;
            interested &= interested - 1;
            let Some(detector) = classifier.detectors.get(index) else { continue };
            let Spot { at, digits } = spot;
            let place = Place { text, at, digits, context: window.context(), detector: index };
            if (detector.find)(&place) {
                found.add(classifier, index);
                interested &= found.detectors;
            }
        }
    }
    let first = classifier.detectors.len();
    if let Some(patterns) = &classifier.patterns
        && (first..classifier.count()).any(|index| found.asks(index))
        && patterns.any(text)
    {
        for index in patterns.matches(text) {
            if found.asks(first + index) {
                found.add(classifier, first + index);
            }
        }
    }
}
