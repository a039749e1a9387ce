//! The estimate binds: engines of real llama.cpp get no more memory than it says, beside what an empty engine takes,
//! and answer with every slot full. Host memory stands in for a GPU's.

#![allow(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a failed unwrap in a test is a failed test; clippy does not see that helpers here are tests too"
)]

#[path = "memory/engine.rs"]
mod engine;
#[path = "memory/holder.rs"]
mod holder;
#[path = "memory/rows.rs"]
mod rows;
#[path = "memory/table.rs"]
mod table;

use engine::{Taken, run};
use flotilla_e2e::harness::{Result, case, install};
use futures::{FutureExt as _, StreamExt as _, stream};
use parking_lot::Mutex;
use rows::{Row, rows};
use std::panic::{AssertUnwindSafe, resume_unwind};
use std::sync::Arc;
use table::{Line, print};

/// How far from the estimate an engine's memory may lie, at its peak and at the end, in percent of the estimate alone.
const TOLERANCE_PERCENT: u64 = 8;
/// Pages of files that a process cannot run without: of its program, of the model file's head. They are page cache,
/// which the limit and the peak count, too.
const FILES: u64 = 3 << 20;
/// Limits are multiples of this.
const STEP: u64 = 64 << 10;
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
    let limit = (estimate.total() + base + FILES).next_multiple_of(STEP);
    let taken = taken(&row, Some(limit)).await;
    Line { row, estimate, base, limit, taken }
}

#[tokio::test]
async fn engines_live_within_their_estimate() {
    // A row that fails must not take another down halfway, whose engine would keep its card.
    let ended: Vec<_> = stream::iter(rows())
        .map(|row| AssertUnwindSafe(measure(row)).catch_unwind())
        .buffered(ROWS_AT_ONCE)
        .collect()
        .await;
    let (mut lines, mut failed): (Vec<Line>, Vec<_>) = (Vec::new(), Vec::new());
    for row in ended {
        match row {
            Ok(line) => lines.push(line),
            Err(panic) => failed.push(panic),
        }
    }
    print(&lines);
    if let Some(panic) = failed.pop() {
        resume_unwind(panic);
    }
    let mut peaks = 0;
    for line in &lines {
        let Line { row, estimate, base, limit, taken } = line;
        assert_eq!(taken.memory.killed, 0, "{}: the kernel killed a process", row.name);
        assert!(taken.memory.peak <= *limit, "{}: {:?}", row.name, taken.memory);
        let expected = base + estimate.total();
        let tolerance = estimate.total() * TOLERANCE_PERCENT / 100;
        let within = |what: &str, bytes: u64| {
            let own = bytes.saturating_sub(*base);
            assert!(
                bytes.abs_diff(expected) <= tolerance,
                "{}: {what} is {own} bytes beside the base, estimated {}",
                row.name,
                estimate.total()
            );
        };
        within("held", taken.memory.held);
        // Of the smallest models the pages of files alone may be more.
        if FILES + STEP <= tolerance {
            within("peak", taken.memory.peak);
            peaks += 1;
        }
    }
    assert!(peaks >= 8, "the peak of {peaks} combinations was compared");
}
