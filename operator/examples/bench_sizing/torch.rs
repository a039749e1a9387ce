//! Transformers on PyTorch: the view of Qwen's published table.
//!
//! What PyTorch's allocator had given out at most: weights, keys and values, one pass's activations. No CUDA
//! context. 0.97 GB there are 0.97 GiB: the weights alone of the larger models show it.

use flotilla_operator::decide::sizing::checkpoint::Format;
use flotilla_operator::decide::sizing::{Generation, transformers_peak};

use crate::accuracy::Row;
use crate::fixtures::{gib, model, rows as fixture};

/// Every row of the table.
pub fn rows() -> Vec<Row> {
    fixture("transformers_qwen25.csv")
        .into_iter()
        .map(|row| {
            let number = |column: usize| row[column].parse().expect("a number");
            let format: Format = row[1].parse().expect("a format");
            let generation = Generation { input: number(2), output: number(3), gpus: number(4) };
            let peak = transformers_peak(&model(&row[0]).architecture, format, &generation);
            Row {
                engine: "transformers",
                term: "peak".to_owned(),
                group: row[1].clone(),
                model: row[0].clone(),
                settings: format!("{format} {} tokens on {} GPUs", row[2], row[4]),
                ours_gib: gib(peak.expect("an estimate")),
                measured_gib: row[5].parse().expect("a number"),
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accuracy::Accuracy;

    #[test]
    fn all_rows_are_within_the_goals() {
        let rows = rows();
        let accuracy = Accuracy::of(&rows);
        assert_eq!(accuracy.rows, 112, "the fixture lost rows");
        assert!(accuracy.median <= 1.0 && accuracy.p95 <= 10.0, "{accuracy:?}");
        let small: Vec<_> = rows.iter().filter(|row| row.error() < -3.0).map(ToString::to_string).collect();
        assert!(small.is_empty(), "more than 3 % too small: {small:#?}");
    }

    /// No constant is fitted to the table: each model alone is as good as all.
    #[test]
    fn every_model_alone_is_within_the_goals() {
        let rows = rows();
        let mut models: Vec<_> = rows.iter().map(|row| row.model.clone()).collect();
        models.dedup();
        for model in models {
            let accuracy = Accuracy::of(rows.iter().filter(|row| row.model == model));
            assert!(accuracy.median <= 3.0 && accuracy.p95 <= 10.0, "{model}: {accuracy:?}");
        }
    }
}
