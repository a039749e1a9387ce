//! One pass over one request.

use super::compile::Classifier;
use super::detectors::Anchor;
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
}

impl Found {
    fn add(&mut self, classifier: &Classifier, index: usize) {
        self.places.push(index);
        let class = classifier.class(index);
        let asked = self.asked.iter_mut().enumerate();
        asked.for_each(|(other, asked)| *asked &= classifier.class(other) != class);
    }

    fn asks(&self, index: usize) -> bool {
        self.asked.get(index).copied().unwrap_or(false)
    }
}

impl<'a> Scan<'a> {
    pub(super) fn new(classifier: &'a Classifier) -> Self {
        let window = || Window::new(&classifier.words);
        let found = Found { places: Vec::new(), asked: vec![true; classifier.count()] };
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
    let mut from = window.scanned();
    while let Some(next) = text.get(from..end).and_then(super::anchor::next) {
        let at = from + next;
        let anchor = if text.get(at) == Some(&b'@') { Anchor::At } else { Anchor::Digit };
        let before = at.checked_sub(1).and_then(|before| text.get(before)).copied();
        let rest = text.get(at..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        // The window may begin in the middle of a number.
        if anchor == Anchor::At || !before.is_some_and(|byte| byte.is_ascii_digit()) {
            for (index, detector) in classifier.detectors.iter().enumerate() {
                if detector.anchor != anchor || !detector.may_begin(digits, before) || !found.asks(index) {
                    continue;
                }
                let place = Place { text, at, context: window.context(), detector: index };
                if (detector.find)(&place) {
                    found.add(classifier, index);
                }
            }
        }
        from = at + digits.max(1);
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
