//! What was learned of replicas, as a status remembers it.
//!
//! It stands with the object and not in a list of its own: it ends with the object, people can read it, and it is
//! written when the status is written anyway.

use crate::decide::scale::{Book, Capacity, Key, Learned, OutputLength};
use flotilla_crds::model_deployment::LearnedCapacity;

/// As many as a status takes: four lengths of answers on four products.
const MOST: usize = 16;

/// All that is known of `like`'s model and engine, of its GPU first.
pub(super) fn written(book: &Book, like: &Key) -> Vec<LearnedCapacity> {
    let entries = || book.of(&like.model).filter(|(key, _)| key.engine == like.engine);
    let present = entries().filter(|(key, _)| key.gpu == like.gpu);
    let others = entries().filter(|(key, _)| key.gpu != like.gpu);
    present.chain(others).filter_map(|(key, learned)| record(key, learned)).take(MOST).collect()
}

fn record(key: &Key, learned: &Learned) -> Option<LearnedCapacity> {
    let rates = learned.rates()?.tokens_per_second();
    // A rate of nothing could not be read again.
    let whole = |rate| super::status::whole(rate).max(1);
    Some(LearnedCapacity {
        engine: key.engine.clone(),
        gpu_product: key.gpu.clone(),
        output_length: key.output.as_str().to_owned(),
        prompt_tokens_per_second: whole(rates.prompt),
        completion_tokens_per_second: whole(rates.completion),
        observations: i32::try_from(learned.observations()).unwrap_or(i32::MAX),
    })
}

/// Puts a status's records into the book. `like` says of which model and engine they must be, and with `prior` what
/// those of its GPU must fit to. Returns those that say nothing.
pub(super) fn recall<'a>(
    records: &'a [LearnedCapacity],
    like: &Key,
    prior: Capacity,
    book: &mut Book,
) -> Vec<&'a LearnedCapacity> {
    let mut useless = Vec::new();
    for record in records.iter().take(MOST) {
        match read(record, like) {
            Some((key, learned)) if key.gpu != like.gpu || learned.factor(prior).is_some() => {
                book.remember(&key, learned);
            }
            _ => useless.push(record),
        }
    }
    useless
}

fn read(record: &LearnedCapacity, like: &Key) -> Option<(Key, Learned)> {
    let rates =
        Capacity::new(record.prompt_tokens_per_second as f64, record.completion_tokens_per_second as f64)?;
    let key = Key {
        gpu: record.gpu_product.clone(),
        output: OutputLength::named(&record.output_length)?,
        ..like.clone()
    };
    let learned = Learned::remembered(rates, u32::try_from(record.observations).ok()?);
    (record.engine == key.engine).then_some((key, learned))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::scale::{Observation, Tokens};

    fn key(gpu: &str, output: OutputLength) -> Key {
        Key { model: "apps/llama/Q4".to_owned(), engine: "LlamaCpp".to_owned(), gpu: gpu.to_owned(), output }
    }

    fn prior() -> Capacity {
        Capacity::new(1000.0, 100.0).unwrap()
    }

    fn saturated(prompt: f64) -> Observation {
        Observation { served: Tokens::new(prompt, 0.0), replicas: 1.0, saturated: true }
    }

    #[test]
    fn what_is_written_is_recalled() {
        let (l4, t4) = (key("L4", OutputLength::UpTo256), key("T4", OutputLength::Longer));
        let mut book = Book::default();
        book.observe(&t4, prior(), saturated(300.0));
        book.observe(&l4, prior(), saturated(600.0));
        let records = written(&book, &l4);
        let products: Vec<_> = records.iter().map(|record| record.gpu_product.as_str()).collect();
        assert_eq!(products, ["L4", "T4"], "the present one first");

        let mut later = Book::default();
        assert_eq!(recall(&records, &l4, prior(), &mut later), Vec::<&LearnedCapacity>::new());
        for (key, expected) in [(&l4, 600.0), (&t4, 300.0)] {
            let prompt = later.capacity(key, prior()).tokens_per_second().prompt;
            assert!((prompt - expected).abs() < 1.0, "{}: {prompt}", key.gpu);
        }
        assert_eq!(written(&later, &l4), records);
    }

    #[test]
    fn what_says_nothing_is_left_out() {
        let like = key("L4", OutputLength::UpTo256);
        let good = LearnedCapacity {
            engine: "LlamaCpp".to_owned(),
            gpu_product: "L4".to_owned(),
            output_length: "UpTo256".to_owned(),
            prompt_tokens_per_second: 500,
            completion_tokens_per_second: 50,
            observations: 3,
        };
        let bad = [
            LearnedCapacity { engine: "Custom".to_owned(), ..good.clone() },
            LearnedCapacity { output_length: "Short".to_owned(), ..good.clone() },
            LearnedCapacity { prompt_tokens_per_second: 0, ..good.clone() },
            LearnedCapacity { completion_tokens_per_second: -50, ..good.clone() },
            LearnedCapacity { observations: -1, ..good.clone() },
            // Learned beside another prior.
            LearnedCapacity { completion_tokens_per_second: 400, ..good.clone() },
            LearnedCapacity {
                prompt_tokens_per_second: 50_000,
                completion_tokens_per_second: 5_000,
                ..good.clone()
            },
            LearnedCapacity::default(),
        ];
        let mut book = Book::default();
        assert_eq!(recall(&bad, &like, prior(), &mut book).len(), bad.len());
        assert_eq!(book.of(&like.model).count(), 0);
        assert!(recall(&[good], &like, prior(), &mut book).is_empty());
        assert_eq!(book.of(&like.model).count(), 1);
    }

    #[test]
    fn a_status_holds_a_bounded_number() {
        let mut book = Book::default();
        for nth in 0..40 {
            book.observe(&key(&format!("GPU-{nth}"), OutputLength::UpTo64), prior(), saturated(600.0));
        }
        let like = key("GPU-39", OutputLength::UpTo64);
        let records = written(&book, &like);
        assert_eq!(records.len(), MOST);
        assert_eq!(records.first().map(|record| record.gpu_product.as_str()), Some("GPU-39"));
    }
}
