//! The built-in detectors: a file each, and a line in [`ALL`].

mod credit_card;
mod email;
mod iban;
mod icd10;
mod mrn;
mod phone;
mod ssn;

use super::place::Place;
use flotilla_crds::router_config::Detector as Kind;

/// Finds one kind of data.
#[derive(Debug)]
pub(super) struct Detector {
    pub(super) kind: Kind,
    /// Where it looks.
    pub(super) anchor: Anchor,
    /// How many digits it may begin with: bit n for n of them, the last bit for more. Most numbers are of no interest
    /// to most detectors.
    pub(super) digits: u32,
    /// Whether it looks only at digits behind a letter.
    pub(super) behind_letter: bool,
    /// Words that make a number mean something, in lower case; with `*` behind it, only the beginning of a word.
    pub(super) context: &'static [&'static str],
    /// Whether it is there.
    pub(super) find: fn(&Place<'_>) -> bool,
}

/// What a detector looks around.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Anchor {
    /// The first of some digits.
    Digit,
    /// `@`.
    At,
}

/// Any number of digits.
const ANY: u32 = u32::MAX;

impl Detector {
    /// Whether it is worth looking at digits of this number, behind this byte.
    pub(super) fn may_begin(&self, digits: usize, before: Option<u8>) -> bool {
        let letter = before.is_some_and(|byte| byte.is_ascii_alphabetic());
        self.digits >> digits.min(31) & 1 == 1 && (letter || !self.behind_letter)
    }
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

/// The detector of a kind; there is one for each.
pub(super) fn of(kind: Kind) -> Option<&'static Detector> {
    ALL.into_iter().find(|detector| detector.kind == kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_detector() {
        assert_eq!(ALL.map(|detector| detector.kind), Kind::ALL);
    }
}
