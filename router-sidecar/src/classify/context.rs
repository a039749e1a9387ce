//! Where the words are that make a number mean something: looked for only near numbers, and at each byte once.

use super::detectors::Detector;
use aho_corasick::{AhoCorasick, AhoCorasickKind};
use std::ops::Range;
use std::sync::Arc;

/// How much is looked through at once.
const STRIDE: usize = 128;

/// The words of some detectors.
#[derive(Debug)]
pub(super) struct Words {
    automaton: AhoCorasick,
    /// Whose each word is, and whether more letters may follow it.
    owners: Vec<(usize, bool)>,
    longest: usize,
    detectors: usize,
}

impl Words {
    /// Compiles the words of detectors, which are known by their places.
    pub(super) fn of(detectors: &[&'static Detector]) -> Option<Self> {
        let all =
            || detectors.iter().enumerate().flat_map(|(i, d)| d.context.iter().map(move |word| (i, *word)));
        let plain = |word: &'static str| word.strip_suffix('*').unwrap_or(word);
        let automaton = AhoCorasick::builder()
            .kind(Some(AhoCorasickKind::DFA))
            .prefilter(false)
            .ascii_case_insensitive(true)
            .build(all().map(|(_, word)| plain(word)));
        Some(Self {
            // A few short words: no limit of the builder is near.
            automaton: automaton.ok()?,
            owners: all().map(|(detector, word)| (detector, word.ends_with('*'))).collect(),
            longest: all().map(|(_, word)| word.len()).max().unwrap_or(0),
            detectors: detectors.len(),
        })
    }
}

/// What was found of them in one window.
#[derive(Debug)]
pub(super) struct Context {
    words: Arc<Words>,
    /// Where they begin, in order, by detector.
    found: Vec<Vec<usize>>,
    /// What was looked through.
    seen: Range<usize>,
}

impl Context {
    pub(super) fn new(words: Arc<Words>) -> Self {
        let found = vec![Vec::new(); words.detectors];
        Self { words, found, seen: 0..0 }
    }

    /// The window moves on.
    pub(super) fn clear(&mut self) {
        self.found.iter_mut().for_each(Vec::clear);
        self.seen = 0..0;
    }

    /// Whether a word of a detector begins in this part of the text.
    pub(super) fn any(&mut self, text: &[u8], detector: usize, part: Range<usize>) -> bool {
        if part.start > self.seen.end {
            self.clear();
            self.seen = part.start..part.start;
        }
        if part.end > self.seen.end {
            let end = (part.end + STRIDE).min(text.len());
            self.look(text, self.seen.end..end);
        }
        let found = self.found.get(detector).map_or(&[][..], Vec::as_slice);
        let next = found.partition_point(|at| *at < part.start);
        found.get(next).is_some_and(|at| *at < part.end)
    }

    /// Looks for words that begin in a part of the text.
    fn look(&mut self, text: &[u8], part: Range<usize>) {
        self.seen.end = part.end;
        // Every word begins with a letter, and a table of numbers has none.
        let begins = text.get(part.clone()).unwrap_or_default();
        if !begins.iter().fold(false, |any, byte| any | byte.is_ascii_alphabetic()) {
            return;
        }
        let end = (part.end + self.words.longest).min(text.len());
        let within = text.get(part.start..end).unwrap_or_default();
        for found in self.words.automaton.find_iter(within) {
            let (begin, after) = (part.start + found.start(), part.start + found.end());
            let Some((detector, open)) = self.words.owners.get(found.pattern().as_usize()) else {
                continue;
            };
            let letter = |at: Option<&u8>| at.is_some_and(u8::is_ascii_alphabetic);
            let before = begin.checked_sub(1).and_then(|at| text.get(at));
            let whole = !letter(before) && (*open || !letter(text.get(after)));
            if begin < part.end
                && whole
                && let Some(places) = self.found.get_mut(*detector)
            {
                places.push(begin);
            }
        }
    }
}
