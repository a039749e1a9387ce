//! For people.

use crate::compare::{Comparison, Row};
use std::fmt::Write as _;

/// A row for each rule, as Markdown.
pub fn table(comparison: &Comparison) -> String {
    let mut text = format!(
        "{} h, {:.2} replicas busy on average, {} s until a new one serves\n\n",
        hours(comparison.seconds as f64 / 3600.0),
        comparison.busy,
        comparison.machine.start_seconds
    );
    text += "| rule | target | on time | p99 wait | GPU-hours | of the oracle's | changes | flaps |\n";
    text += "|---|--:|--:|--:|--:|--:|--:|--:|\n";
    let oracle = comparison.rows.iter().find(|row| row.rule == "oracle").map(|row| row.outcome.gpu_hours());
    for row in &comparison.rows {
        let _ = writeln!(text, "{}", line(row, oracle));
    }
    text
}

fn line(row: &Row, oracle: Option<f64>) -> String {
    let outcome = &row.outcome;
    let ratio =
        oracle.map_or_else(|| "-".to_owned(), |oracle| format!("{:.2}", outcome.gpu_hours() / oracle));
    let less = if row.attains { "" } else { " (less)" };
    format!(
        "| {} | {:.0} % | {:.2} %{less} | {:.1} s | {} | {ratio} | {} | {} |",
        row.rule,
        row.target * 100.0,
        outcome.attainment() * 100.0,
        outcome.p99_wait(),
        hours(outcome.gpu_hours()),
        outcome.changes(),
        outcome.flaps(),
    )
}

fn hours(hours: f64) -> String {
    if hours < 100.0 { format!("{hours:.1}") } else { format!("{hours:.0}") }
}
