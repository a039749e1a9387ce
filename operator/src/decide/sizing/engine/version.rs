//! Versions of engines.

use std::fmt;
use std::str::FromStr;

/// A release of an engine, as far as memory depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EngineVersion {
    major: u32,
    minor: u32,
    patch: u32,
}

/// A version that is not one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("engine version {given:?} is not of the form 0.11 or 0.11.2")]
pub struct InvalidVersion {
    /// What was given.
    pub given: String,
}

impl EngineVersion {
    /// `major.minor.patch`.
    pub const fn new(major: u32, minor: u32, patch: u32) -> Self {
        Self { major, minor, patch }
    }
}

impl fmt::Display for EngineVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}.{}", self.major, self.minor, self.patch)
    }
}

impl FromStr for EngineVersion {
    type Err = InvalidVersion;

    /// Reads `0.11`, `0.11.2`, `v0.11.2`, and ignores what follows: `0.11.0rc1`, `0.6.4.post1`.
    fn from_str(given: &str) -> Result<Self, Self::Err> {
        let invalid = || InvalidVersion { given: given.chars().take(40).collect() };
        let mut parts = given.trim_start_matches('v').splitn(3, '.').map(|part| {
            let digits = part.find(|c: char| !c.is_ascii_digit()).unwrap_or(part.len());
            part.get(..digits).and_then(|digits| digits.parse().ok())
        });
        let mut next = |missing| parts.next().unwrap_or(missing).ok_or_else(invalid);
        Ok(Self { major: next(None)?, minor: next(None)?, patch: next(Some(0))? })
    }
}
