//! The estimate binds: engines of real llama.cpp get no more memory than it says, beside what an empty engine takes,
//! and answer with every slot full. Host memory stands in for a GPU's.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap in a test is a failed test; clippy does not see that helpers here are tests too"
)]

#[path = "memory/engine.rs"]
mod engine;
#[path = "memory/rows.rs"]
mod rows;
#[path = "memory/table.rs"]
mod table;

use engine::{Taken, run};
use flotilla_e2e::harness::{Result, case, install};
use futures::{StreamExt as _, stream};
use parking_lot::Mutex;
use rows::{Row, rows};
use std::sync::Arc;
use table::{Line, print};

/// How far from the estimate an engine's memory may lie, in percent of the estimate alone.
const TOLERANCE_PERCENT: u64 = 8;
/// Pages of its program's files that a process cannot run without. They are page cache, which the limit counts, too.
const FILES: u64 = 2 << 20;
/// Rows at once: more would wait for the machine's cores.
const ROWS_AT_ONCE: usize = 2;

/// Runs a row in a namespace of its own and returns what its engine took.
async fn taken(row: &Row, limit: Option<u64>) -> Taken {
    let found: Arc<Mutex<Option<Taken>>> = Arc::default();
    let keep = found.clone();
    case(&format!("memory_{}", row.name), async move |cluster, namespace| -> Result<()> {
        install(&cluster).await?;
        let taken = run(&namespace, row, limit).await?;
        *keep.lock() = Some(taken);
        Ok(())
    })
    .await;
    found.lock().take().unwrap_or_else(|| panic!("{} ended without figures", row.name))
}

async fn measure(row: Row) -> Line {
    let empty = row.empty();
    // Interpreter, libraries, tokenizer, HTTP server, the slots' prompts, the pod's own container.
    let base = taken(&empty, None).await.memory.held - empty.estimate().total();
    let estimate = row.estimate();
    let limit = (estimate.total() + base + FILES).next_multiple_of(1 << 20);
    let taken = taken(&row, Some(limit)).await;
    Line { row, estimate, base, limit, taken }
}

#[tokio::test]
async fn engines_live_within_their_estimate() {
    let lines: Vec<Line> = stream::iter(rows()).map(measure).buffered(ROWS_AT_ONCE).collect().await;
    print(&lines);
    for line in &lines {
        let Line { row, estimate, base, limit, taken } = line;
        assert_eq!(taken.memory.killed, 0, "{}: the kernel killed a process", row.name);
        assert!(taken.memory.peak <= *limit, "{}: {:?}", row.name, taken.memory);
        let own = taken.memory.held.saturating_sub(*base);
        let off = own.abs_diff(estimate.total());
        assert!(
            off * 100 <= estimate.total() * TOLERANCE_PERCENT,
            "{}: took {own} bytes beside the base, estimated {}",
            row.name,
            estimate.total()
        );
    }
}
