//! Capacities by what they depend on.

use super::{Capacity, Learned, Observation};
use std::collections::BTreeMap;

/// How long completions are on average. Long ones keep more keys and values, so that a step of them takes longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum OutputLength {
    /// Up to 64 tokens.
    UpTo64,
    /// Up to 256 tokens.
    UpTo256,
    /// Up to 1,024 tokens.
    UpTo1024,
    /// More.
    Longer,
}

impl OutputLength {
    /// The bucket of a mean length in tokens.
    pub fn of(mean: f64) -> Self {
        match mean {
            ..=64.0 => Self::UpTo64,
            ..=256.0 => Self::UpTo256,
            ..=1024.0 => Self::UpTo1024,
            _ => Self::Longer,
        }
    }
}

/// What a capacity depends on.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Key {
    /// The model's served name with its quantization.
    pub model: String,
    /// The engine's type.
    pub engine: String,
    /// The GPU's product.
    pub gpu: String,
    /// How much replicas write for a request.
    pub output: OutputLength,
}

/// All that was learned.
#[derive(Debug, Clone, Default)]
pub struct Book {
    entries: BTreeMap<Key, Learned>,
}

impl Book {
    /// Puts back what a status remembers.
    pub fn remember(&mut self, key: Key, learned: Learned) {
        self.entries.insert(key, learned);
    }

    /// Takes an observation in.
    pub fn observe(&mut self, key: &Key, prior: Capacity, seen: Observation) {
        if let Some(learned) = self.entries.get_mut(key) {
            learned.observe(prior, seen);
        } else {
            let mut learned = Learned::default();
            learned.observe(prior, seen);
            self.entries.insert(key.clone(), learned);
        }
    }

    /// The capacity that is believed in. Where this bucket has not been seen under saturation, the nearest bucket of
    /// the same model, engine and GPU says how far the prior is off.
    pub fn capacity(&self, key: &Key, prior: Capacity) -> Capacity {
        let distance = |other: &Key| (other.output as i8 - key.output as i8).abs();
        let known = self.entries.iter().filter(|(other, learned)| {
            learned.observations() > 0
                && (&other.model, &other.engine, &other.gpu) == (&key.model, &key.engine, &key.gpu)
        });
        let nearest = known.min_by_key(|(other, _)| distance(other)).map(|(_, learned)| learned);
        nearest.or_else(|| self.entries.get(key)).map_or(prior, |learned| learned.capacity(prior))
    }

    /// Forgets the models that are gone.
    pub fn retain(&mut self, exists: impl Fn(&Key) -> bool) {
        self.entries.retain(|key, _| exists(key));
    }

    /// Everything, for statuses.
    pub fn iter(&self) -> impl Iterator<Item = (&Key, &Learned)> {
        self.entries.iter()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::scale::Tokens;

    fn key(gpu: &str, output: OutputLength) -> Key {
        Key { model: "llama-3b".to_owned(), engine: "LlamaCpp".to_owned(), gpu: gpu.to_owned(), output }
    }

    #[test]
    fn what_one_bucket_taught_holds_for_its_neighbours_and_not_for_other_cards() {
        let prior = Capacity::new(1000.0, 100.0).unwrap();
        let mut book = Book::default();
        let half = Observation { served: Tokens::new(500.0, 0.0), replicas: 1.0, saturated: true };
        book.observe(&key("L4", OutputLength::UpTo64), prior, half);
        let third = Observation { served: Tokens::new(250.0, 0.0), ..half };
        book.observe(&key("L4", OutputLength::Longer), prior, third);
        let prompt = |key| book.capacity(&key, prior).tokens_per_second().prompt;
        assert!((prompt(key("L4", OutputLength::UpTo256)) - 500.0).abs() < 1e-9);
        assert!((prompt(key("L4", OutputLength::UpTo1024)) - 250.0).abs() < 1e-9);
        assert!((prompt(key("T4", OutputLength::UpTo64)) - 1000.0).abs() < 1e-9);
    }

    #[test]
    fn lengths_have_buckets() {
        for (mean, bucket) in [
            (0.0, OutputLength::UpTo64),
            (64.0, OutputLength::UpTo64),
            (65.0, OutputLength::UpTo256),
            (1024.0, OutputLength::UpTo1024),
            (1e9, OutputLength::Longer),
            (f64::NAN, OutputLength::Longer),
        ] {
            assert_eq!(OutputLength::of(mean), bucket, "{mean}");
        }
    }
}
