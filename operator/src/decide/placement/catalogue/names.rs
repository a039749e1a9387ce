//! Finding a GPU by the names people give it.

use super::{Gpu, gpus};
use crate::decide::nearest;

/// Words that say nothing about which GPU is meant.
const NOISE: &[&str] =
    &["nvidia", "geforce", "tesla", "generation", "edition", "blackwell", "amd", "instinct"];

/// A GPU that the catalogue lacks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("GPU {given:?} is not in the catalogue; did you mean {}?", nearest.join(", or "))]
pub struct UnknownGpu {
    /// The name that was given.
    pub given: String,
    /// The names that differ least from it.
    pub nearest: Vec<&'static str>,
}

/// The GPU of that name or label, whatever its case and punctuation. Where a name covers cards of different
/// memory, the error lists them.
pub fn gpu(given: &str) -> Result<&'static Gpu, UnknownGpu> {
    let wanted = key(given);
    let named = |gpu: &&Gpu| key(gpu.name) == wanted;
    let labelled = || gpus().iter().filter(|gpu| gpu.product.map(key).as_ref() == Some(&wanted));
    let begun = || gpus().iter().filter(|gpu| key(gpu.name).starts_with(&wanted) && !wanted.is_empty());
    let the_one_labelled = || labelled().next().filter(|_| labelled().count() == 1);
    let found = gpus().iter().find(named).or_else(the_one_labelled);
    found.ok_or_else(|| {
        let mut candidates: Vec<_> = labelled().map(|gpu| gpu.name).collect();
        if candidates.is_empty() {
            candidates = begun().map(|gpu| gpu.name).take(6).collect();
        }
        if candidates.is_empty() {
            let keyed = gpus().iter().map(|gpu| (key(gpu.name), gpu.name));
            candidates = nearest(&wanted, keyed);
        }
        UnknownGpu { given: given.to_owned(), nearest: candidates }
    })
}

/// Lower-case letters and digits, without the words that say nothing.
fn key(name: &str) -> String {
    let lower = name.to_ascii_lowercase();
    let words = lower.split(|c: char| !c.is_ascii_alphanumeric());
    words.filter(|word| !NOISE.contains(word)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_write_names_in_many_ways() {
        for (given, name) in [
            ("rtx3090", "RTX 3090"),
            ("NVIDIA GeForce RTX 4090", "RTX 4090"),
            ("NVIDIA-GeForce-RTX-3060", "RTX 3060 12GB"),
            ("t4", "T4"),
            ("Tesla-T4", "T4"),
            ("RTX 6000 Ada Generation", "RTX 6000 Ada"),
            ("rtx 4060 ti 16gb", "RTX 4060 Ti 16GB"),
            ("NVIDIA-H100-80GB-HBM3", "H100 SXM"),
            ("mi300x", "AMD Instinct MI300X"),
        ] {
            assert_eq!(gpu(given).map(|gpu| gpu.name), Ok(name), "{given}");
        }
    }

    #[test]
    fn what_is_ambiguous_or_unknown_names_candidates() {
        let nearest = |given| gpu(given).unwrap_err().nearest;
        assert_eq!(nearest("RTX 4060 Ti"), ["RTX 4060 Ti 8GB", "RTX 4060 Ti 16GB"]);
        assert_eq!(nearest("A100").len(), 4);
        assert!(nearest("RTX 4091").contains(&"RTX 4090"));
        assert!(!nearest("").is_empty());
    }
}
