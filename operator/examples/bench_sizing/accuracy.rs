//! Errors of estimates, and their statistics.

use std::collections::BTreeMap;
use std::fmt::{self, Write as _};

/// One estimate beside what was measured.
#[derive(Clone, Debug)]
pub struct Row {
    /// The engine whose view it is.
    pub engine: &'static str,
    /// The term, or the sum of some.
    pub term: String,
    /// What rows are compared by: an architecture or a format.
    pub group: String,
    /// The model.
    pub model: String,
    /// The settings that tell rows of one model apart.
    pub settings: String,
    pub ours_gib: f64,
    pub measured_gib: f64,
}

impl Row {
    /// Relative error in percent; negative where the estimate is too small.
    pub fn error(&self) -> f64 {
        100.0 * (self.ours_gib / self.measured_gib - 1.0)
    }
}

impl fmt::Display for Row {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { engine, term, model, settings, ours_gib, measured_gib, .. } = self;
        let error = self.error();
        write!(
            f,
            "{engine} {term}: {model} {settings}: {ours_gib:.3} GiB, measured {measured_gib} ({error:+.2} %)"
        )
    }
}

/// Statistics of the errors of some rows, in percent.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Accuracy {
    pub rows: usize,
    pub median: f64,
    pub p95: f64,
    pub lowest: f64,
    pub highest: f64,
}

impl Accuracy {
    /// Statistics of rows, of which there must be some.
    pub fn of<'a>(rows: impl IntoIterator<Item = &'a Row>) -> Self {
        let mut errors: Vec<f64> = rows.into_iter().map(Row::error).collect();
        let (lowest, highest) =
            errors.iter().fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), error| {
                (low.min(*error), high.max(*error))
            });
        for error in &mut errors {
            *error = error.abs();
        }
        errors.sort_by(f64::total_cmp);
        Self {
            rows: errors.len(),
            median: quantile(&errors, 50),
            p95: quantile(&errors, 95),
            lowest,
            highest,
        }
    }
}

/// The smallest of sorted values that so many percent of them do not exceed.
fn quantile(sorted: &[f64], percent: usize) -> f64 {
    let rank = (sorted.len() * percent).div_ceil(100).max(1);
    sorted.get(rank - 1).copied().unwrap_or(f64::NAN)
}

/// The goals of a term: median, 95th percentile, lowest.
fn goal(term: &str) -> (f64, f64, f64) {
    let exact = ["weights", "kvCache", "state"].iter().any(|exact| term.starts_with(exact));
    (if exact { 1.0 } else { 3.0 }, 10.0, -3.0)
}

/// A line for each engine and term: what was aimed at, and whether it was reached.
pub fn goals(rows: &[Row]) -> String {
    let mut terms: BTreeMap<(&str, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        terms.entry((row.engine, row.term.as_str())).or_default().push(row);
    }
    let mut text = String::from(
        "| engine | term | rows | median | goal | 95th percentile | goal | lowest | goal | reached |\n|---|---|---|---|---|---|---|---|---|---|\n",
    );
    for ((engine, term), rows) in terms {
        let Accuracy { rows, median, p95, lowest, .. } = Accuracy::of(rows);
        let (most, most_p95, least) = goal(term);
        let reached = median <= most && p95 <= most_p95 && lowest >= least;
        writeln!(
            text,
            "| {engine} | {term} | {rows} | {median:.2} % | {most} % | {p95:.2} % | {most_p95} % | {lowest:+.2} % | {least} % | {} |",
            if reached { "yes" } else { "no" }
        )
        .expect("a string takes any text");
    }
    text
}

/// A line for each engine, term and group, and one for all groups together.
pub fn table(rows: &[Row]) -> String {
    let mut groups: BTreeMap<(&str, &str, &str), Vec<&Row>> = BTreeMap::new();
    for row in rows {
        groups.entry((row.engine, row.term.as_str(), row.group.as_str())).or_default().push(row);
        groups.entry((row.engine, row.term.as_str(), "")).or_default().push(row);
    }
    let mut text = String::from(
        "| engine | term | of | rows | median | 95th percentile | lowest | highest |\n|---|---|---|---|---|---|---|---|\n",
    );
    for ((engine, term, group), rows) in groups {
        let Accuracy { rows, median, p95, lowest, highest } = Accuracy::of(rows);
        let group = if group.is_empty() { "all" } else { group };
        writeln!(
            text,
            "| {engine} | {term} | {group} | {rows} | {median:.2} % | {p95:.2} % | {lowest:+.2} % | {highest:+.2} % |"
        )
        .expect("a string takes any text");
    }
    text
}
