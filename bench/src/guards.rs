//! What detectors and budgets cost a request, by the length of its prompt.

use crate::gateway::{Guards, RouterSetup, Starter};
use crate::measure::{Bench, Sample};
use crate::report::figure;
use crate::stats::median;
use crate::suite::{Effort, case, progress};
use crate::traffic::Answer;
use std::fmt::Write as _;

/// Names in the report, bytes of the body, and clients.
const BODIES: [(&str, usize, usize); 3] = [("1 KB", 1000, 32), ("16 KB", 16_000, 32), ("200 KB", 200_000, 8)];

/// What is on; the first is what the others are compared with.
const GUARDS: [(&str, Guards); 4] = [
    ("neither", Guards { detectors: false, budgets: false }),
    ("two budgets", Guards { detectors: false, budgets: true }),
    ("seven detectors", Guards { detectors: true, budgets: false }),
    ("both", Guards { detectors: true, budgets: true }),
];

/// One router with prompts of one length.
#[derive(Debug)]
pub struct Guarded {
    what: &'static str,
    body: &'static str,
    samples: Vec<Sample>,
}

/// Runs all of them in turns.
///
/// # Errors
/// A router does not come up, or answers wrongly.
pub async fn run(starter: &Starter<'_>, effort: Effort<'_>) -> anyhow::Result<Vec<Guarded>> {
    let bench = Bench::start(1).await?;
    let mut routers = Vec::new();
    for (what, guards) in GUARDS {
        let setup = RouterSetup { guards, ..RouterSetup::usual(&bench.upstreams) };
        routers.push((what, starter.router(&setup).await?));
    }
    let mut all = Vec::new();
    for (body, bytes, clients) in BODIES {
        progress(&format!("detectors and budgets, {body}"));
        let case = case(body, Answer::Json, bytes, clients, effort.seconds);
        let first = all.len();
        all.extend(routers.iter().map(|(what, _)| Guarded { what, body, samples: Vec::new() }));
        for _ in 0..effort.rounds {
            for ((_, router), guarded) in routers.iter().zip(all.iter_mut().skip(first)) {
                guarded.samples.push(bench.run(Some(router), "assistant", &case).await?);
            }
        }
    }
    for (_, router) in routers {
        router.end().await?;
    }
    Ok(all)
}

/// For the page: the time of a request, and its ratio to the same without either, round by round.
pub fn table(all: &[Guarded]) -> String {
    let mut text = String::from(
        "\n## Detectors and budgets\n\nCPU microseconds of a request with an answer in one piece; in brackets the ratio to a \
         router with neither. The prompt is prose in which nothing is found, which every detector has to read to its end. \
         Budgets are those of one router with a file; a lease of the operator's is taken from in the same way.\n\n| |",
    );
    // Writing to a string cannot fail.
    for (body, ..) in BODIES {
        let _ = write!(text, " {body} |");
    }
    text.push_str("\n|---|---:|---:|---:|\n");
    for (what, _) in GUARDS {
        let _ = write!(text, "| {what} |");
        for (body, ..) in BODIES {
            let of = |what| all.iter().find(|guarded| guarded.body == body && guarded.what == what);
            let samples = |what| of(what).map_or(&[][..], |guarded| &guarded.samples);
            let cpu = median(samples(what).iter().filter_map(|sample| sample.cpu));
            let pairs = samples(what).iter().zip(samples(GUARDS[0].0));
            let ratio = median(pairs.filter_map(|(with, without)| Some(with.cpu? / without.cpu?)));
            let _ = write!(text, " {} ({}) |", figure(cpu, 1), figure(ratio, 2));
        }
        text.push('\n');
    }
    text
}
