//! The built-in detectors: a file each, and a line in [`ALL`].

mod credit_card;
mod email;
mod iban;
mod icd10;
mod mrn;
mod phone;
mod ssn;

use super::begin::Begin;
use super::place::Place;
use flotilla_crds::router_config::Detector as Kind;

/// Finds one kind of data.
#[derive(Debug)]
pub(super) struct Detector {
    pub(super) kind: Kind,
    /// What it looks at; [`Detector::find`] is asked of nothing else.
    pub(super) begins: &'static [Begin],
    /// Words that make a number mean something, in lower case and beginning with a letter; with `*` behind it, only the
    /// beginning of a word.
    pub(super) context: &'static [&'static str],
    /// Whether it is there.
    pub(super) find: fn(&Place<'_>) -> bool,
}

/// Every detector: the table.
static ALL: [&Detector; 7] = [
    &ssn::DETECTOR,
    &credit_card::DETECTOR,
    &iban::DETECTOR,
    &mrn::DETECTOR,
    &email::DETECTOR,
    &phone::DETECTOR,
    &icd10::DETECTOR,
];

/// The detectors of these kinds, each once.
pub(super) fn of(kinds: &[Kind]) -> Vec<&'static Detector> {
    ALL.into_iter().filter(|detector| kinds.contains(&detector.kind)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_detector() {
        assert_eq!(ALL.map(|detector| detector.kind), Kind::ALL);
    }

    #[test]
    fn words_are_what_the_search_for_them_takes_them_for() {
        for word in ALL.iter().flat_map(|detector| detector.context) {
            assert!(word.starts_with(|c: char| c.is_ascii_lowercase()) && word.is_ascii(), "{word}");
        }
    }
}
