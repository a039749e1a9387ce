//! Capacities by what they depend on.

use super::{Capacity, Learned, Observation};
use std::collections::HashMap;

/// How long completions are on average. Long ones keep more keys and values, so that a step of them takes longer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
    const ALL: [Self; 4] = [Self::UpTo64, Self::UpTo256, Self::UpTo1024, Self::Longer];

    /// Its name in statuses.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::UpTo64 => "UpTo64",
            Self::UpTo256 => "UpTo256",
            Self::UpTo1024 => "UpTo1024",
            Self::Longer => "Longer",
        }
    }

    /// The bucket of a name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|length| length.as_str() == name)
    }

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
#[derive(Debug, Clone, PartialEq, Eq)]
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
    /// By model: there may be thousands, of a few entries each.
    models: HashMap<String, Vec<(Key, Learned)>>,
}

impl Book {
    /// Puts back what was written down, unless more is known already.
    pub fn remember(&mut self, key: &Key, learned: Learned) {
        let known = self.entry(key);
        if known.observations() < learned.observations() || known.rates().is_none() {
            *known = learned;
        }
    }

    /// Takes an observation in.
    pub fn observe(&mut self, key: &Key, prior: Capacity, seen: Observation) {
        self.entry(key).observe(prior, seen);
    }

    /// The capacity that is believed in. Where this bucket has not been seen under saturation, the nearest bucket of
    /// the same model, engine and GPU says how far the prior is off.
    pub fn capacity(&self, key: &Key, prior: Capacity) -> Capacity {
        let distance = |other: &Key| (other.output as i8 - key.output as i8).abs();
        let same = || {
            let entries = self.of(&key.model);
            entries.filter(|(other, _)| (&other.engine, &other.gpu) == (&key.engine, &key.gpu))
        };
        let saturated =
            same().filter(|(_, learned)| learned.observations() > 0 && learned.factor(prior).is_some());
        let nearest = saturated.min_by_key(|(other, _)| distance(other));
        let own = || same().find(|(other, _)| other.output == key.output);
        nearest.or_else(own).map_or(prior, |(_, learned)| learned.capacity(prior))
    }

    /// Forgets the models that are gone.
    pub fn retain(&mut self, exists: impl Fn(&str) -> bool) {
        self.models.retain(|model, _| exists(model));
    }

    /// What was learned of one model, in the order in which it was.
    pub fn of(&self, model: &str) -> impl Iterator<Item = (&Key, &Learned)> {
        self.models.get(model).into_iter().flatten().map(|(key, learned)| (key, learned))
    }

    fn entry(&mut self, key: &Key) -> &mut Learned {
        let entries = self.models.entry(key.model.clone()).or_default();
        let place = entries.iter().position(|(known, _)| known == key).unwrap_or(entries.len());
        if place == entries.len() {
            entries.push((key.clone(), Learned::default()));
        }
        &mut entries[place].1
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
    fn what_is_written_down_does_not_replace_what_is_known_better() {
        let prior = Capacity::new(1000.0, 100.0).unwrap();
        let (key, rates) = (key("L4", OutputLength::UpTo64), |factor: f64| prior.scaled(factor));
        let mut book = Book::default();
        for (factor, observations, believed) in [(0.5, 0, 0.5), (0.6, 4, 0.6), (0.7, 4, 0.6), (0.8, 5, 0.8)] {
            book.remember(&key, Learned::remembered(rates(factor), observations));
            let prompt = book.capacity(&key, prior).tokens_per_second().prompt;
            assert!((prompt - 1000.0 * believed).abs() < 1e-6, "{factor} of {observations}: {prompt}");
        }
        book.retain(|model| model != key.model);
        assert_eq!(book.of(&key.model).count(), 0);
    }

    #[test]
    fn lengths_have_names() {
        for length in OutputLength::ALL {
            assert_eq!(OutputLength::named(length.as_str()), Some(length));
        }
        assert_eq!(OutputLength::named("Short"), None);
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
