//! An amount of memory.

use std::fmt;

use super::SizingError;

/// Bytes in one MiB.
const MIB: u64 = 1 << 20;

/// A number of bytes, shown to people in MiB or GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

impl Bytes {
    /// `bytes` bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// `mib` MiB; stays at the largest amount there is if that is more than 2^64 bytes.
    pub const fn from_mib(mib: u64) -> Self {
        Self(mib.saturating_mul(MIB))
    }

    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }

    /// Whole MiB, rounded up, so that what is planned is never less than what is needed.
    pub const fn mib(self) -> u64 {
        self.0.div_ceil(MIB)
    }

    /// The sum, or [`SizingError::Overflow`] naming `term`.
    pub(super) fn plus(self, other: Self, term: &'static str) -> Result<Self, SizingError> {
        self.0.checked_add(other.0).map(Self).ok_or(SizingError::Overflow { term })
    }

    /// `percent` of it, rounded up, or [`SizingError::Overflow`] naming `term`.
    pub(super) fn percent(self, percent: u64, term: &'static str) -> Result<Self, SizingError> {
        self.0
            .checked_mul(percent)
            .map(|product| Self(product.div_ceil(100)))
            .ok_or(SizingError::Overflow { term })
    }

    /// One of `parts` equal parts, rounded up; the whole where there are no parts.
    pub(super) const fn divided(self, parts: u64) -> Self {
        if parts == 0 { self } else { Self(self.0.div_ceil(parts)) }
    }

    /// What is left of it after `other` is taken, or nothing.
    pub(super) const fn minus(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }

    /// The product of `factors`, or [`SizingError::Overflow`] naming `term`.
    pub(super) fn product(factors: &[u64], term: &'static str) -> Result<Self, SizingError> {
        factors
            .iter()
            .try_fold(1_u64, |product, factor| product.checked_mul(*factor))
            .map(Self)
            .ok_or(SizingError::Overflow { term })
    }
}

impl fmt::Display for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 >= 1024 * MIB {
            write!(f, "{:.1} GiB", self.0 as f64 / (1024 * MIB) as f64)
        } else {
            write!(f, "{} MiB", self.mib())
        }
    }
}
