//! A share of a card's memory, as engines take it on their command line.

use std::fmt;

use crate::decide::sizing::Bytes;

const WHOLE: u64 = 1000;
/// Engines measure their own activations to a percent or so of what is estimated.
const MARGIN_PERCENT: u64 = 1;

/// A share in thousandths, above 0 and at most 1.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Fraction(u64);

impl Fraction {
    /// The share of `card` that is `needed`, a hundredth more and rounded up, but no more than `most` is of it;
    /// `None` if that is less than what is needed.
    pub(super) fn of(needed: Bytes, card: Bytes, most: Bytes) -> Option<Self> {
        let [needed, card, most] = [needed, card, most].map(|bytes| u128::from(bytes.get()));
        let (whole, margin) = (u128::from(WHOLE), u128::from(100 + MARGIN_PERCENT));
        if card == 0 || needed == 0 {
            return None;
        }
        let least = (needed * whole).div_ceil(card);
        let wanted = (needed * whole * margin).div_ceil(card * 100);
        let limit = most * whole / card;
        (least <= limit).then(|| u64::try_from(wanted.min(limit)).ok().map(Self))?
    }

    /// Thousandths.
    pub const fn thousandths(self) -> u64 {
        self.0
    }
}

impl fmt::Display for Fraction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:03}", self.0 / WHOLE, self.0 % WHOLE)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn never_less_than_needed_nor_more_than_there_is() {
        let of = |needed, card, most| {
            Fraction::of(Bytes::new(needed), Bytes::new(card), Bytes::new(most))
                .map(|share| share.to_string())
        };
        assert_eq!(of(500, 1000, 990).as_deref(), Some("0.505"));
        assert_eq!(of(985, 1000, 990).as_deref(), Some("0.990"), "no room for the margin");
        assert_eq!(of(991, 1000, 990), None);
        assert_eq!(of(1, 0, 0), None);
        assert_eq!(of(u64::MAX, u64::MAX, u64::MAX).as_deref(), Some("1.000"));
    }
}
