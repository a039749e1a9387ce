//! Finding a GPU by the names people give it.

use super::{Gpu, gpus};
use crate::decide::nearest;
use std::collections::HashMap;
use std::sync::LazyLock;

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
    found(&wanted).ok_or_else(|| {
        let names = |known: &Keyed| known.gpu.name;
        let labelled = KEYED.iter().filter(|known| known.product.as_ref() == Some(&wanted));
        let begun = || KEYED.iter().filter(|known| known.name.starts_with(&wanted) && !wanted.is_empty());
        let mut candidates: Vec<_> = labelled.map(names).collect();
        if candidates.is_empty() {
            candidates = begun().map(names).take(6).collect();
        }
        if candidates.is_empty() {
            candidates = nearest(&wanted, KEYED.iter().map(|known| (known.name.clone(), names(known))));
        }
        UnknownGpu { given: given.to_owned(), nearest: candidates }
    })
}

/// The GPU of that name or label, if there is one: without what an error tells.
pub fn known_gpu(given: &str) -> Option<&'static Gpu> {
    LABELS.get(given).copied().unwrap_or_else(|| found(&key(given)))
}

/// By its name, else by a label that no other card has.
fn found(wanted: &str) -> Option<&'static Gpu> {
    let named = KEYED.iter().find(|known| known.name == wanted);
    let mut labelled = KEYED.iter().filter(|known| known.product.as_deref() == Some(wanted));
    let the_one_labelled = || labelled.next().filter(|_| labelled.next().is_none());
    named.or_else(the_one_labelled).map(|known| known.gpu)
}

/// A card of the catalogue by what its names come down to.
struct Keyed {
    name: String,
    product: Option<String>,
    gpu: &'static Gpu,
}

/// What is found by the labels as nodes have them, which are asked for with every model whenever a pod comes or goes.
static LABELS: LazyLock<HashMap<&str, Option<&Gpu>>> = LazyLock::new(|| {
    let labels = gpus().iter().filter_map(|gpu| gpu.product);
    labels.map(|label| (label, found(&key(label)))).collect()
});

/// The catalogue never changes.
static KEYED: LazyLock<Vec<Keyed>> = LazyLock::new(|| {
    let keyed = |gpu: &'static Gpu| Keyed { name: key(gpu.name), product: gpu.product.map(key), gpu };
    gpus().iter().map(keyed).collect()
});

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
    fn a_label_finds_what_it_finds_as_a_name() {
        for label in gpus().iter().filter_map(|gpu| gpu.product) {
            assert_eq!(known_gpu(label), gpu(label).ok(), "{label}");
            assert_eq!(known_gpu(&label.to_lowercase()), gpu(label).ok(), "{label}");
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
