//! The figures, for docs/sizing.md.

use super::engine::Taken;
use super::rows::{Row, Terms};

/// What one row came to.
pub struct Line {
    pub row: Row,
    pub estimate: Terms,
    /// What an empty engine with such slots and prompts takes.
    pub base: u64,
    pub limit: u64,
    pub taken: Taken,
}

/// Prints a table in Markdown, MiB.
#[allow(clippy::cast_precision_loss, reason = "figures of a few hundred MiB, for people")]
pub fn print(lines: &[Line]) {
    const MIB: f64 = 1_048_576.0;
    let mib = |bytes: u64| format!("{:.1}", bytes as f64 / MIB);
    println!(
        "| row | weights | kvCache | compute | base | limit | held | peak | the engine says | held off | peak off |"
    );
    println!("|---|---|---|---|---|---|---|---|---|---|---|");
    for Line { row, estimate, base, limit, taken } in lines {
        let expected = (estimate.total() + base) as f64;
        let off = |bytes: u64| (bytes as f64 - expected) / estimate.total() as f64 * 100.0;
        let [held, peak] = [taken.memory.held, taken.memory.peak].map(off);
        let says = taken.observed.as_ref().map_or("", |quantity| quantity.0.as_str());
        let cells = [estimate.weights, estimate.kv_cache, estimate.compute, *base, *limit];
        let cells: Vec<String> =
            cells.into_iter().chain([taken.memory.held, taken.memory.peak]).map(mib).collect();
        println!("| {} | {} | {says} | {held:+.1} % | {peak:+.1} % |", row.name, cells.join(" | "));
    }
}
