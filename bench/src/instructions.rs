//! Instructions of the router per request, counted by callgrind: they do not depend on what else the machine does.

use crate::gateway::{RouterSetup, Starter};
use crate::measure::Bench;
use crate::suite::MANY;
use crate::traffic::{Answer, Pace};
use anyhow::Context;
use std::path::Path;
use std::process::Command;

/// What is counted.
#[derive(Debug, Clone, Copy)]
pub struct Count {
    /// In the report.
    pub name: &'static str,
    /// How the engine answers.
    pub answer: Answer,
    /// Bytes of each request's body.
    pub body_bytes: usize,
    /// Policies with a model each.
    pub models: usize,
    /// Endpoints of the backend.
    pub endpoints: usize,
    /// Requests of two runs. The first must be enough for a connection to every endpoint.
    pub runs: [u64; 2],
}

impl Count {
    /// One model and one endpoint.
    pub const fn new(name: &'static str, answer: Answer, body_bytes: usize) -> Self {
        Self { name, answer, body_bytes, models: 1, endpoints: 1, runs: [20, 120] }
    }
}

/// In the report.
const COUNTS: [Count; 5] = [
    Count::new("300 B", Answer::Json, 300),
    Count::new("200 KB", Answer::Json, 200_000),
    Count::new("stream of 20 events", Answer::Stream { events: 20, pace: Pace::Seen }, 300),
    Count { models: MANY, ..Count::new("300 B, 1,000 models", Answer::Json, 300) },
    Count { endpoints: MANY, runs: [8000, 8500], ..Count::new("300 B, 1,000 endpoints", Answer::Json, 300) },
];

/// Whether valgrind is installed.
pub fn available() -> bool {
    Command::new("valgrind").arg("--version").output().is_ok_and(|output| output.status.success())
}

/// All counts; `None` where there is no valgrind.
///
/// # Errors
/// The router does not come up under valgrind.
pub async fn of_all(starter: &Starter<'_>) -> anyhow::Result<Vec<(&'static str, Option<u64>)>> {
    let bench = Bench::start(MANY).await?;
    let mut all = Vec::new();
    for count in COUNTS {
        let counted = if available() { Some(per_request(starter, &bench, count).await?) } else { None };
        all.push((count.name, counted));
    }
    Ok(all)
}

/// Instructions for one request more, from two runs of few and more requests: what the start costs drops out.
///
/// # Errors
/// The router does not come up under valgrind.
pub async fn per_request(starter: &Starter<'_>, bench: &Bench, count: Count) -> anyhow::Result<u64> {
    let [few, more] = count.runs;
    let first = run(starter, bench, count, few).await?;
    let second = run(starter, bench, count, more).await?;
    Ok(second.saturating_sub(first) / more.saturating_sub(few).max(1))
}

async fn run(starter: &Starter<'_>, bench: &Bench, count: Count, requests: u64) -> anyhow::Result<u64> {
    let folder = tempfile::tempdir_in(starter.folder)?;
    let out = folder.path().join("callgrind.out");
    let option = format!("--callgrind-out-file={}", out.display());
    let under = ["valgrind", "--tool=callgrind", &option];
    let upstreams = bench.upstreams.get(..count.endpoints).context("too few ports of the mock")?;
    let router = starter
        .router(&RouterSetup { models: count.models, under: &under, ..RouterSetup::usual(upstreams) })
        .await?;
    bench.send(&router, count.answer, count.body_bytes, requests).await?;
    router.end().await?;
    total(&out)
}

/// The total in callgrind's output.
fn total(out: &Path) -> anyhow::Result<u64> {
    let text = std::fs::read_to_string(out).context("callgrind wrote nothing")?;
    let total = text.lines().find_map(|line| line.strip_prefix("totals: "));
    total.and_then(|total| total.trim().parse().ok()).context("callgrind's output has no totals")
}
