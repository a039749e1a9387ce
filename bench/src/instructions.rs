//! Instructions of the router per request, counted by callgrind: they do not depend on what else the machine does.

use crate::gateway::{RouterSetup, Starter};
use crate::measure::Bench;
use crate::traffic::Answer;
use anyhow::Context;
use std::path::Path;
use std::process::Command;

/// What is counted: a name, the answer, bytes of body.
pub const CASES: [(&str, Answer, usize); 3] = [
    ("300 B", Answer::Json, 300),
    ("200 KB", Answer::Json, 200_000),
    ("stream of 20 events", Answer::Stream { events: 20, gap_ms: 0 }, 300),
];
/// Requests of two runs.
const RUNS: [u64; 2] = [20, 120];

/// Whether valgrind is installed.
pub fn available() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// All cases; `None` where there is no valgrind.
///
/// # Errors
/// The router does not come up under valgrind.
pub async fn of_all(
    starter: &Starter<'_>,
    bench: &Bench,
) -> anyhow::Result<Vec<(&'static str, Option<u64>)>> {
    let mut all = Vec::new();
    for (name, answer, body_bytes) in CASES {
        let count = if available() {
            Some(per_request(starter, bench, answer, body_bytes, RUNS).await?)
        } else {
            None
        };
        all.push((name, count));
    }
    Ok(all)
}

/// Instructions for one request more, from two runs of few and more requests: what the start costs drops out.
///
/// # Errors
/// The router does not come up under valgrind.
pub async fn per_request(
    starter: &Starter<'_>,
    bench: &Bench,
    answer: Answer,
    body_bytes: usize,
    [few, more]: [u64; 2],
) -> anyhow::Result<u64> {
    let first = run(starter, bench, answer, body_bytes, few).await?;
    let second = run(starter, bench, answer, body_bytes, more).await?;
    Ok(second.saturating_sub(first) / more.saturating_sub(few).max(1))
}

async fn run(
    starter: &Starter<'_>,
    bench: &Bench,
    answer: Answer,
    body_bytes: usize,
    count: u64,
) -> anyhow::Result<u64> {
    let folder = tempfile::tempdir_in(starter.folder)?;
    let out = folder.path().join("callgrind.out");
    let option = format!("--callgrind-out-file={}", out.display());
    let under = ["valgrind", "--tool=callgrind", &option];
    let setup = RouterSetup { under: &under, ..RouterSetup::usual(&bench.upstreams) };
    let router = starter.router(&setup).await?;
    bench.send(&router, answer, body_bytes, count).await?;
    router.end().await?;
    total(&out)
}

/// The total in callgrind's output.
fn total(out: &Path) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(out).context("callgrind wrote nothing")?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).context("callgrind's output has no totals")
}
