//! What detectors and budgets cost a request, by the length of its prompt.

use crate::gateway::{Budgets, Gateway, Guards, RouterSetup, Source, Starter, config};
use crate::measure::{Bench, Sample};
use crate::operator::Operator;
use crate::report::figure;
use crate::stats::median;
use crate::suite::{Effort, case, progress};
use crate::traffic::Answer;
use std::fmt::Write as _;

/// Names in the report, bytes of the body, and clients.
const BODIES: [(&str, usize, usize); 3] = [("1 KB", 1000, 32), ("16 KB", 16_000, 32), ("200 KB", 200_000, 8)];

/// Routers that share budgets, and the clients that are dealt out among them.
const TOGETHER: usize = 8;

/// What is on.
#[derive(Debug)]
struct Row {
    what: &'static str,
    guards: Guards,
    routers: usize,
    /// The row that it is compared with.
    beside: &'static str,
}

const NEITHER: &str = "neither";
const NEITHER_TOGETHER: &str = "neither, 8 routers";

const ROWS: [Row; 7] = [
    row(NEITHER, false, Budgets::None, 1),
    row("two budgets", false, Budgets::Own, 1),
    row("seven detectors", true, Budgets::None, 1),
    row("both", true, Budgets::Own, 1),
    row("two budgets, leased", false, Budgets::Leased, 1),
    row(NEITHER_TOGETHER, false, Budgets::None, TOGETHER),
    row("two budgets, leased, 8 routers", false, Budgets::Leased, TOGETHER),
];

const fn row(what: &'static str, detectors: bool, budgets: Budgets, routers: usize) -> Row {
    let beside = if routers == 1 { NEITHER } else { NEITHER_TOGETHER };
    Row { what, guards: Guards { detectors, budgets }, routers, beside }
}

/// The routers of a row with prompts of one length.
#[derive(Debug)]
pub struct Guarded {
    what: &'static str,
    body: &'static str,
    samples: Vec<Sample>,
}

/// The routers of a row, and the operator that they follow.
struct Running {
    what: &'static str,
    routers: Vec<Gateway>,
    _operator: Option<Operator>,
}

impl Row {
    async fn start(&self, starter: &Starter<'_>, bench: &Bench) -> anyhow::Result<Running> {
        let setup = RouterSetup { guards: self.guards, ..RouterSetup::usual(&bench.upstreams) };
        let operator = match self.guards.budgets {
            Budgets::Leased => Some(Operator::start(starter.folder, &config(&setup)?).await?),
            Budgets::None | Budgets::Own => None,
        };
        let source = operator.as_ref().map_or(Source::File, Source::Operator);
        let mut routers = Vec::new();
        for _ in 0..self.routers {
            routers.push(starter.router(&RouterSetup { source, ..setup }).await?);
        }
        if let Some(operator) = &operator {
            operator.followed_by(self.routers).await?;
        }
        Ok(Running { what: self.what, routers, _operator: operator })
    }
}

/// Runs all of them in turns.
///
/// # Errors
/// A router does not come up, or answers wrongly.
pub async fn run(starter: &Starter<'_>, effort: Effort<'_>) -> anyhow::Result<Vec<Guarded>> {
    let bench = Bench::start(1).await?;
    let mut rows = Vec::new();
    for row in &ROWS {
        rows.push(row.start(starter, &bench).await?);
    }
    let mut all = Vec::new();
    for (body, bytes, clients) in BODIES {
        progress(&format!("detectors and budgets, {body}"));
        let case = case(body, Answer::Json, bytes, clients, effort.seconds);
        let first = all.len();
        all.extend(rows.iter().map(|row| Guarded { what: row.what, body, samples: Vec::new() }));
        for _ in 0..effort.rounds {
            for (row, guarded) in rows.iter().zip(all.iter_mut().skip(first)) {
                let routers: Vec<&Gateway> = row.routers.iter().collect();
                guarded.samples.push(bench.run(&routers, "assistant", &case).await?);
            }
        }
    }
    for router in rows.into_iter().flat_map(|row| row.routers) {
        router.end().await?;
    }
    Ok(all)
}

/// For the page: the time of a request, and its ratio to the same without either, round by round.
pub fn table(all: &[Guarded]) -> String {
    let mut text = String::from(
        "\n## Detectors and budgets\n\nCPU microseconds of a request with an answer in one piece; in brackets the ratio to a \
         router with neither. The prompt is prose in which nothing is found, which every detector has to read to its end. \
         Leased budgets are taken from what an operator of the bench's own grants over the real stream, always enough; the \
         last two rows are eight processes on one core that share the clients, and beside each other.\n\n| |",
    );
    // Writing to a string cannot fail.
    for (body, ..) in BODIES {
        let _ = write!(text, " {body} |");
    }
    text.push_str("\n|---|---:|---:|---:|\n");
    for Row { what, beside, .. } in &ROWS {
        let _ = write!(text, "| {what} |");
        for (body, ..) in BODIES {
            let of = |what: &str| all.iter().find(|guarded| guarded.body == body && guarded.what == what);
            let samples = |what: &str| of(what).map_or(&[][..], |guarded| &guarded.samples);
            let cpu = median(samples(what).iter().filter_map(|sample| sample.cpu));
            let pairs = samples(what).iter().zip(samples(beside));
            let ratio = median(pairs.filter_map(|(with, without)| Some(with.cpu? / without.cpu?)));
            let _ = write!(text, " {} ({}) |", figure(cpu, 1), figure(ratio, 2));
        }
        text.push('\n');
    }
    text
}
