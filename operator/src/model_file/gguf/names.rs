//! Names that were seen.

use std::collections::HashSet;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};

/// A set of names that keeps 8 bytes of each. Two names of one hash are as good as impossible by chance, and who
/// makes them on purpose gets the own file refused.
#[derive(Debug, Default)]
pub(super) struct Names {
    hashes: HashSet<u64>,
    hasher: BuildHasherDefault<DefaultHasher>,
}

impl Names {
    pub(super) fn contains(&self, name: &str) -> bool {
        self.hashes.contains(&self.hasher.hash_one(name))
    }

    #[cfg(test)]
    pub(super) fn held(&self) -> usize {
        self.hashes.capacity() * size_of::<u64>()
    }

    /// Whether `name` is new.
    pub(super) fn insert(&mut self, name: &str) -> bool {
        self.hashes.insert(self.hasher.hash_one(name))
    }
}
