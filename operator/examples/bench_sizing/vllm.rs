//! vLLM: the view of its own start-up log, for one GPU.
//!
//! "Model loading took", "peak activation", "non-torch". The KV cache is not compared: vLLM gives it whatever the
//! fraction of the card leaves. A row's note says what of it is not comparable.

use flotilla_operator::decide::sizing::checkpoint::Format;
use flotilla_operator::decide::sizing::{Engine, Request, Vllm, VllmReport};

use crate::accuracy::Row;
use crate::fixtures::{gib, model, rows as fixture};

const WEIGHTS: &str = "weights";
const ACTIVATIONS: &str = "activations";
/// Weights, activations and non-torch memory: everything that is not the KV cache.
const ALL: &str = "all but the KV cache";

/// One line of the fixture.
struct Log {
    columns: Vec<String>,
    ours: VllmReport,
}

impl Log {
    fn read(columns: Vec<String>) -> Self {
        let number = |column: usize| columns[column].parse::<u32>().expect("a number");
        let facts = model(&columns[1]);
        // An empty format is one that the log does not tell: its weights are not compared.
        let format: Format = columns[2].parse().unwrap_or(facts.format);
        let vllm = Vllm {
            version: columns[3].parse().expect("a version"),
            batched_tokens: number(4),
            ..Vllm::default()
        };
        let request = Request {
            parallel_sequences: number(5),
            engine: Engine::Vllm(vllm),
            gpus: number(7),
            ..Request::new(&facts.architecture, format, number(6))
        };
        let ours = vllm.report(&request).expect("an estimate");
        Self { columns, ours }
    }

    fn measured(&self, column: usize) -> Option<f64> {
        self.columns[column].parse().ok()
    }

    fn name(&self) -> String {
        let column = |index: usize| self.columns[index].as_str();
        format!("{} on {}, {} sequences, {} GPUs", column(2), column(3), column(5), column(7))
    }

    fn row(&self, term: &str, ours_gib: f64, measured_gib: f64) -> Row {
        Row {
            engine: "vLLM",
            term: term.to_owned(),
            group: self.columns[3].clone(),
            model: self.columns[1].clone(),
            settings: self.name(),
            ours_gib,
            measured_gib,
        }
    }

    fn rows(&self) -> Vec<Row> {
        let VllmReport { weights, activations, non_torch, .. } = self.ours;
        let terms = [(WEIGHTS, weights, 8), (ACTIVATIONS, activations, 9)];
        let mut rows: Vec<_> = terms
            .into_iter()
            .filter_map(|(term, ours, column)| Some(self.row(term, gib(ours), self.measured(column)?)))
            .collect();
        let measured: Option<Vec<f64>> = (8..=10).map(|column| self.measured(column)).collect();
        if let Some(measured) = measured {
            let ours = [weights, activations, non_torch].map(gib).iter().sum();
            rows.push(self.row(ALL, ours, measured.iter().sum()));
        }
        rows
    }
}

fn logs() -> Vec<Log> {
    fixture("vllm_logs.csv").into_iter().map(Log::read).collect()
}

/// Every figure of the logs.
pub fn rows() -> Vec<Row> {
    logs().iter().flat_map(Log::rows).collect()
}

/// What is not compared, and why.
pub fn left_out() -> Vec<(String, String)> {
    logs()
        .iter()
        .filter(|log| (8..=10).any(|column| log.measured(column).is_none()))
        .map(|log| (format!("{} {}", log.columns[1], log.name()), log.columns[11].clone()))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accuracy::Accuracy;

    fn term(term: &str) -> Vec<Row> {
        rows().into_iter().filter(|row| row.term == term).collect()
    }

    fn texts(rows: &[Row]) -> Vec<String> {
        rows.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn weights_are_within_one_percent() {
        let rows = term(WEIGHTS);
        let accuracy = Accuracy::of(&rows);
        assert_eq!(accuracy.rows, 25, "the fixture lost rows");
        assert!(
            accuracy.median <= 0.2 && accuracy.lowest > -1.0 && accuracy.highest < 1.0,
            "{:#?}",
            texts(&rows)
        );
    }

    #[test]
    fn activations_follow_from_the_profile_run() {
        let rows = term(ACTIVATIONS);
        let accuracy = Accuracy::of(&rows);
        assert_eq!(accuracy.rows, 22, "the fixture lost rows");
        assert!(
            accuracy.median <= 1.0 && accuracy.p95 <= 10.0 && accuracy.lowest > -3.0,
            "{:#?}",
            texts(&rows)
        );
    }

    #[test]
    fn the_sum_is_within_the_goals() {
        let rows = term(ALL);
        let accuracy = Accuracy::of(&rows);
        assert_eq!(accuracy.rows, 19, "the fixture lost rows");
        assert!(
            accuracy.median <= 3.0 && accuracy.p95 <= 10.0 && accuracy.lowest > -3.0,
            "{:#?}",
            texts(&rows)
        );
    }

    /// Non-torch memory is all that is taken from measurements: the largest of a release. With the largest of
    /// the other models' rows in its place, the error stays within 1.5 times.
    #[test]
    fn leaving_a_model_out_changes_little() {
        let logs = logs();
        let several = |log: &Log| log.columns[7] != "1";
        let mut rows = Vec::new();
        for log in &logs {
            let others = logs.iter().filter(|other| {
                other.columns[3] == log.columns[3]
                    && other.columns[1] != log.columns[1]
                    && several(other) == several(log)
            });
            let left = others.filter_map(|other| other.measured(10)).fold(f64::NAN, f64::max);
            if let (Some(all), false) = (log.rows().pop().filter(|row| row.term == ALL), left.is_nan()) {
                let ours_gib = all.ours_gib - gib(log.ours.non_torch) + left;
                rows.push(Row { ours_gib, ..all });
            }
        }
        assert!(rows.len() >= 14, "{:#?}", texts(&rows));
        let (left_out, with) = (Accuracy::of(&rows), Accuracy::of(&term(ALL)));
        assert!(left_out.median <= 1.5 * with.median.max(0.2), "{left_out:?} {with:?}");
        assert!(left_out.lowest > -3.0, "{:#?}", texts(&rows));
    }

    #[test]
    fn what_is_left_out_has_a_reason() {
        let left_out = left_out();
        assert_eq!(left_out.len(), 7);
        assert!(left_out.iter().all(|(_, reason)| !reason.is_empty()), "{left_out:?}");
    }
}
