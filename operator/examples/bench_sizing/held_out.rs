//! llama.cpp on models of random shape, predicted before they were measured.
//!
//! `held_out.py` drew shapes and settings and measured; the fixture's header says which rules predicted which set.

use crate::accuracy::Row;
use crate::fixtures::{read, table_rows};
use crate::llama_cpp::{Settings, compared};
use crate::shapes;

const MODELS: &str = "decide/sizing/tests/fixtures/llamacpp_held_out_models.csv";
const ROWS: &str = "decide/sizing/tests/fixtures/llamacpp_held_out.csv";

/// The set that the rules were checked against, so that it is held out no longer.
pub const SEEN: &str = "1";
/// The set that nothing was changed after.
pub const HELD_OUT: &str = "2";

/// Whose figures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Estimates {
    /// Those written down before the measurement.
    Predicted,
    /// Those of today's rules.
    Today,
}

/// Every row of a set.
pub fn rows(set: &str, estimates: Estimates) -> Vec<Row> {
    let models = shapes::models(&read(MODELS));
    let of_set = |row: &Vec<String>| row[0].split('-').next() == Some(set);
    table_rows(&read(ROWS))
        .into_iter()
        .filter(of_set)
        .flat_map(|row| {
            let model = &models[&row[0]];
            let settings = settings(&row);
            let numbers = |first: usize| [first, first + 1, first + 2].map(|column| row[column].parse().ok());
            let (ours, view) = match estimates {
                Estimates::Predicted => (numbers(6).map(Option::unwrap_or_default), ", held out"),
                Estimates::Today => (settings.report(model), ", random shapes"),
            };
            compared(&row[0], &format!("{:?}", model.family), view, &settings, ours, numbers(9))
        })
        .collect()
}

/// The rows of a table with what today's rules say of them in MiB, in the columns of the fixture.
pub fn predictions(models: &str, rows: &str) -> String {
    let models = shapes::models(models);
    let lines = table_rows(rows).into_iter().map(|row| {
        let [kv, state, compute] = settings(&row).report(&models[&row[0]]);
        format!("{},{kv:.2},{state:.2},{compute:.2}\n", row[..6].join(","))
    });
    lines.collect()
}

fn settings(row: &[String]) -> Settings<'_> {
    let [context, sequences, ubatch, flash_attention, kv] =
        [1, 2, 3, 4, 5].map(|column| row[column].as_str());
    Settings { context, sequences, ubatch, flash_attention, kv }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::accuracy::Accuracy;
    use crate::llama_cpp;

    fn of(rows: &[Row], term: &str) -> Accuracy {
        Accuracy::of(rows.iter().filter(|row| row.term.split(',').next() == Some(term)))
    }

    #[test]
    fn predictions_of_the_held_out_set_are_within_the_goals() {
        let rows = rows(HELD_OUT, Estimates::Predicted);
        let [kv, state, compute, sum] =
            ["kvCache", "state", "compute", llama_cpp::SUM].map(|term| of(&rows, term));
        assert_eq!((compute.rows, sum.rows), (102, 102), "the fixture lost rows");
        for exact in [kv, state] {
            assert!(exact.lowest > -0.2 && exact.highest < 0.2, "{exact:?}");
        }
        assert!(compute.median <= 3.0 && compute.p95 <= 10.0, "{compute:?}");
        assert!(sum.median <= 3.0 && sum.p95 <= 10.0 && sum.lowest > -3.0, "{sum:?}");
    }

    /// The figures were written down by a twin of these rules in Python. Two rows of a hybrid are 3 and 5 % above it,
    /// and above the truth. A change that makes more of them worse has to draw and measure another set.
    #[test]
    fn the_rules_of_today_are_as_near_as_the_predictions() {
        let off = |row: &Row| (row.ours_gib - row.measured_gib).abs() * 1024.0;
        let (then, now) = (rows(HELD_OUT, Estimates::Predicted), rows(HELD_OUT, Estimates::Today));
        assert_eq!(then.len(), now.len());
        let worse: Vec<_> = then
            .iter()
            .zip(&now)
            .filter(|(then, now)| off(now) > off(then) + 0.02)
            .map(|(_, now)| now)
            .collect();
        assert!(worse.iter().all(|row| row.group == "GraniteHybrid" && row.error() < 5.0), "{worse:?}");
        assert!(worse.iter().filter(|row| row.term.starts_with("compute")).count() <= 2, "{worse:?}");
    }

    /// No constant is fitted, so that leaving a model out changes nothing; what can be asked is whether rows that no
    /// rule has seen are as near as those that rules were checked against. Below half a percent both are noise.
    #[test]
    fn held_out_rows_are_as_near_as_others() {
        let seen = [llama_cpp::rows(), rows(SEEN, Estimates::Today)].concat();
        let held_out = rows(HELD_OUT, Estimates::Predicted);
        for term in ["compute", llama_cpp::SUM] {
            let (seen, held_out) = (of(&seen, term), of(&held_out, term));
            assert!(held_out.median <= 1.5 * seen.median.max(0.5), "{term}: {held_out:?} {seen:?}");
            assert!(held_out.p95 <= 1.5 * seen.p95.max(0.5), "{term}: {held_out:?} {seen:?}");
        }
    }
}
