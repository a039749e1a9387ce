//! Which places are worth a detector's look: most numbers are of no interest to most detectors.

use super::anchor::Spot;

/// What a detector looks at.
#[derive(Debug, Clone, Copy)]
pub(super) enum Begin {
    /// `@`.
    At,
    /// Some digits.
    Digits {
        before: Before,
        /// How many: bit n for n of them, the last bit for more.
        count: u32,
        after: After,
    },
}

/// Any number of digits.
pub(super) const ANY: u32 = u32::MAX;

/// The byte before some digits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Before {
    Any,
    Letter,
    Plus,
    /// Any other than a letter, or none.
    NoLetter,
}

/// The byte behind them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum After {
    Any,
    Dash,
    /// One that stands between groups of digits: a dash, a blank, `.` or `)`.
    Separator,
}

/// Detectors, a bit for each by its place.
pub(super) type Set = u32;

/// Numbers of digits that are told apart, and kinds of bytes: two bits say which of them a byte is before digits, two
/// more which it is behind them.
const COUNTS: usize = 32;
const LETTER: u8 = 0;
const PLUS: u8 = 1;
const NO_LETTER: u8 = 2;
const DASH: u8 = 0 << 2;
const SEPARATOR: u8 = 1 << 2;
const OTHER: u8 = 2 << 2;
const KINDS: usize = 16;

/// The kind of every byte.
const KIND: [u8; 256] = {
    let mut kinds = [NO_LETTER | OTHER; 256];
    let mut byte = 0_u8;
    while byte < 128 {
        let before = match byte {
            b'a'..=b'z' | b'A'..=b'Z' => LETTER,
            b'+' => PLUS,
            _ => NO_LETTER,
        };
        let after = match byte {
            b'-' => DASH,
            b' ' | b'.' | b')' => SEPARATOR,
            _ => OTHER,
        };
        kinds[byte as usize] = before | after;
        byte += 1;
    }
    kinds
};

/// Who looks at what.
#[derive(Debug, Clone)]
pub(super) struct Interests {
    ats: Set,
    digits: [[Set; COUNTS]; KINDS],
}

impl Interests {
    /// Of detectors by what they look at.
    pub(super) fn of(begins: impl Iterator<Item = &'static [Begin]>) -> Self {
        let mut all = Self { ats: 0, digits: [[0; COUNTS]; KINDS] };
        for (place, begins) in begins.enumerate() {
            let one = 1 << place;
            for begin in begins {
                match *begin {
                    Begin::At => all.ats |= one,
                    Begin::Digits { before, count, after } => all.add(one, before, count, after),
                }
            }
        }
        all
    }

    fn add(&mut self, one: Set, before: Before, count: u32, after: After) {
        for (kind, counts) in (0..).zip(&mut self.digits) {
            if before.holds(kind & 0b11) && after.holds(kind & 0b1100) {
                let meant = counts.iter_mut().enumerate().filter(|(digits, _)| count >> digits & 1 == 1);
                meant.for_each(|(_, set)| *set |= one);
            }
        }
    }

    /// Those that look at a place of a text.
    pub(super) fn at(&self, text: &[u8], spot: Spot) -> Set {
        if spot.digits == 0 {
            return self.ats;
        }
        let kind = |at: usize| text.get(at).map_or(NO_LETTER | OTHER, |byte| KIND[usize::from(*byte)]);
        // The place before the first one is behind any text.
        let kind = kind(spot.at.wrapping_sub(1)) & 0b11 | kind(spot.at + spot.digits) & 0b1100;
        self.digits[usize::from(kind) % KINDS][spot.digits.min(COUNTS - 1)]
    }
}

impl Before {
    /// Whether a byte of that kind is one.
    fn holds(self, kind: u8) -> bool {
        match self {
            Self::Any => true,
            Self::NoLetter => kind != LETTER,
            Self::Letter => kind == LETTER,
            Self::Plus => kind == PLUS,
        }
    }
}

impl After {
    /// Whether a byte of that kind is one.
    fn holds(self, kind: u8) -> bool {
        match self {
            Self::Any => true,
            Self::Separator => kind != OTHER,
            Self::Dash => kind == DASH,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::classify::anchor::Spots;

    #[test]
    fn each_place_interests_those_whose_rule_it_meets() {
        const fn digits(before: Before, after: After) -> Begin {
            Begin::Digits { before, count: 1 << 3, after }
        }
        static RULES: [&[Begin]; 6] = [
            &[digits(Before::Any, After::Any)],
            &[digits(Before::Letter, After::Any)],
            &[digits(Before::Plus, After::Separator), Begin::At],
            &[digits(Before::NoLetter, After::Any)],
            &[digits(Before::Any, After::Dash)],
            &[Begin::Digits { before: Before::Any, count: 1 << 31, after: After::Any }],
        ];
        let interests = Interests::of(RULES.into_iter());
        let many = "7".repeat(40);
        for (text, interested) in [
            ("123", 0b00_1001),
            ("x123", 0b00_0011),
            ("x123-", 0b01_0011),
            ("+123", 0b00_1001),
            ("+123 ", 0b00_1101),
            ("+123)-", 0b00_1101),
            (",123-", 0b01_1001),
            ("12 ", 0),
            ("@", 0b00_0100),
            (many.as_str(), 0b10_0000),
        ] {
            let spot = Spots::new(text.as_bytes(), 0, text.len()).next().unwrap();
            assert_eq!(interests.at(text.as_bytes(), spot), interested, "{text}");
        }
    }
}
