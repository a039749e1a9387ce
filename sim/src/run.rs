//! From arguments to a report.

use crate::args::Cli;
use crate::compare::{Asked, compare};
use crate::report;
use crate::trace::{Rates, Trace, TraceError, read};
use anyhow::Context as _;
use flotilla_operator::decide::scale::Policy;
use std::io::Write as _;

/// Reads, compares, prints.
///
/// # Errors
/// A trace that cannot be read, a setting that cannot be, or an output that cannot be written.
pub fn run(cli: &Cli) -> anyhow::Result<()> {
    let trace = trace(cli)?;
    let defaults = match cli.target {
        Some(target) => Policy::default().with_target(target)?,
        None => Policy::default(),
    };
    let shrink_utilization = cli.shrink.unwrap_or(defaults.shrink_utilization);
    let policy = Policy { shrink_utilization, ..defaults }.validated()?;
    let asked = Asked { machine: cli.machine(), policy, prior: cli.prior, rules: &cli.rules };
    let comparison = compare(&trace, &asked)?;
    if let Some(path) = &cli.plot {
        let svg = report::plot(&comparison);
        std::fs::write(path, svg).with_context(|| format!("cannot write {}", path.display()))?;
    }
    let text =
        if cli.json { format!("{:#}\n", report::json(&comparison)) } else { report::table(&comparison) };
    std::io::stdout().write_all(text.as_bytes())?;
    Ok(())
}

fn trace(cli: &Cli) -> Result<Trace, TraceError> {
    let mut trace = match (&cli.trace, cli.synthetic) {
        (Some(path), _) => {
            let text = std::fs::read_to_string(path)
                .map_err(|source| TraceError::Read { path: path.clone(), source })?;
            read(&text, cli.share, cli.seed)?
        }
        (None, Some(shape)) => Trace::Rates(shape.rates(cli.seed)?),
        (None, None) => return Err(TraceError::Empty),
    };
    if let (Trace::Rates(rates), Some((first, last))) = (&trace, cli.days) {
        trace = Trace::Rates(Rates::days(rates, first, last)?);
    }
    trace.faster(cli.speed);
    Ok(trace)
}
