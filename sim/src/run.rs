//! From arguments to a report.

use crate::args::Cli;
use crate::compare::{Asked, compare};
use crate::page;
use crate::report;
use crate::trace::{Rates, Trace, TraceError, read};
use anyhow::Context as _;
use clap::Parser as _;
use flotilla_operator::decide::scale::Policy;
use std::io::Write as _;
use std::path::Path;

/// Reads, compares, prints; or does so for every command in a page.
///
/// # Errors
/// A trace that cannot be read, a setting that cannot be, or an output that cannot be written.
pub fn run(cli: &Cli) -> anyhow::Result<()> {
    match &cli.page {
        Some(path) => refresh(path),
        None => Ok(std::io::stdout().write_all(said(cli)?.as_bytes())?),
    }
}

fn refresh(path: &Path) -> anyhow::Result<()> {
    let text = std::fs::read_to_string(path).with_context(|| format!("cannot read {}", path.display()))?;
    let text = page::fill(&text, |arguments| {
        eprintln!("flotilla-sim {arguments}");
        let words = std::iter::once("flotilla-sim").chain(arguments.split_whitespace());
        said(&Cli::try_parse_from(words)?)
    })?;
    std::fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// What one command prints.
fn said(cli: &Cli) -> anyhow::Result<String> {
    let trace = trace(cli, cli.days)?;
    let tuning = cli.tune_days.map(|days| self::trace(cli, Some(days))).transpose()?;
    let defaults = match cli.target {
        Some(target) => Policy::default().with_target(target)?,
        None => Policy::default(),
    };
    let shrink_utilization = cli.shrink.unwrap_or(defaults.shrink_utilization);
    let policy = Policy { shrink_utilization, ..defaults }.validated()?;
    let asked = Asked {
        machine: cli.machine(),
        policy,
        prior: cli.prior,
        rules: &cli.rules,
        tuning: tuning.as_ref(),
    };
    let comparison = compare(&trace, &asked)?;
    if let Some(path) = &cli.plot {
        let svg = report::plot(&comparison);
        std::fs::write(path, svg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(if cli.json { format!("{:#}\n", report::json(&comparison)) } else { report::table(&comparison) })
}

fn trace(cli: &Cli, days: Option<(u32, u32)>) -> Result<Trace, TraceError> {
    let mut trace = match (&cli.trace, cli.synthetic) {
        (Some(path), _) => {
            let text = std::fs::read_to_string(path)
                .map_err(|source| TraceError::Read { path: path.clone(), source })?;
            read(&text, cli.share, cli.seed)?
        }
        (None, Some(shape)) => Trace::Rates(shape.rates(cli.seed)?),
        (None, None) => return Err(TraceError::Empty),
    };
    if let Some((first, last)) = days {
        let Trace::Rates(rates) = &trace else { return Err(TraceError::NoDays) };
        trace = Trace::Rates(Rates::days(rates, first, last)?);
    }
    trace.faster(cli.speed);
    Ok(trace)
}
