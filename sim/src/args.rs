//! The command line.

use crate::engine::Machine;
use crate::trace::Synthetic;
use clap::Parser;
use std::path::PathBuf;

/// Replays a trace of requests against autoscaling rules and compares latency and GPU-hours.
#[derive(Debug, Parser)]
#[command(version)]
pub struct Cli {
    /// A CSV file: one request a line (TIMESTAMP, ContextTokens, GeneratedTokens), or windows of rates as ServeGen has
    /// them (t_s, req_per_s, covered_req_per_s, covered_in_tok_per_s, covered_out_tok_per_s).
    #[arg(
        long,
        value_name = "FILE.csv",
        required_unless_present_any = ["synthetic", "page"],
        conflicts_with = "synthetic"
    )]
    pub trace: Option<PathBuf>,
    /// Demand made up instead of a trace.
    #[arg(long, value_enum)]
    pub synthetic: Option<Synthetic>,
    /// How many times faster requests come than in the file.
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    pub speed: f64,
    /// The part of the requests of a file of windows that is simulated.
    #[arg(long, default_value_t = 0.02, value_parser = positive)]
    pub share: f64,
    /// The days of a file of windows that are simulated, counted from 1: 6-14.
    #[arg(long, value_parser = days)]
    pub days: Option<(u32, u32)>,
    /// The days on which the targets of the other projects' rules are looked for, in place of those that are simulated.
    #[arg(long, value_parser = days, requires = "trace")]
    pub tune_days: Option<(u32, u32)>,
    /// From the start of a replica until it serves.
    #[arg(long, default_value = "120s", value_parser = seconds)]
    pub start_delay: f64,
    /// Prompt tokens per second of a replica that does nothing else.
    #[arg(long, default_value_t = Machine::default().prompt_tokens_per_second, value_parser = positive)]
    pub prefill: f64,
    /// Completion tokens per second of one sequence.
    #[arg(long, default_value_t = Machine::default().sequence_tokens_per_second, value_parser = positive)]
    pub decode: f64,
    /// Sequences that a replica decodes at a time.
    #[arg(long, default_value_t = Machine::default().slots, value_parser = clap::value_parser!(u32).range(1..=4096))]
    pub slots: u32,
    /// What Flotilla believes of a replica's speed before it has seen one busy, as a factor on the truth.
    #[arg(long, default_value_t = 1.0, value_parser = positive)]
    pub prior: f64,
    /// Flotilla's target utilization, in place of its default.
    #[arg(long, value_parser = positive)]
    pub target: Option<f64>,
    /// The utilization below which Flotilla takes replicas away, in place of its default.
    #[arg(long, value_parser = positive)]
    pub shrink: Option<f64>,
    /// Only these rules, by name.
    #[arg(long, value_name = "NAME", value_delimiter = ',')]
    pub rules: Vec<String>,
    /// Where random numbers begin: the same seed gives the same result.
    #[arg(long, default_value_t = 1)]
    pub seed: u64,
    /// JSON instead of a table.
    #[arg(long)]
    pub json: bool,
    /// Write a plot of demand and replicas over time here.
    #[arg(long, value_name = "FILE.svg")]
    pub plot: Option<PathBuf>,
    /// Run what a page's comments of the form `<!-- flotilla-sim ARGUMENTS -->` say, and put each table between such a
    /// comment and `<!-- end -->`. Paths are those of where this is run.
    #[arg(long, value_name = "FILE.md", exclusive = true)]
    pub page: Option<PathBuf>,
}

impl Cli {
    /// What serves.
    pub const fn machine(&self) -> Machine {
        Machine {
            prompt_tokens_per_second: self.prefill,
            sequence_tokens_per_second: self.decode,
            slots: self.slots,
            start_seconds: self.start_delay,
        }
    }
}

fn positive(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(number) if number.is_finite() && number > 0.0 => Ok(number),
        _ => Err("give a number above 0".to_owned()),
    }
}

/// `120s`, `2m` or `120`.
fn seconds(text: &str) -> Result<f64, String> {
    let (number, unit) = match (text.strip_suffix('s'), text.strip_suffix('m')) {
        (Some(number), _) => (number, 1.0),
        (_, Some(number)) => (number, 60.0),
        _ => (text, 1.0),
    };
    match number.parse::<f64>() {
        Ok(number) if (0.0..=86_400.0).contains(&number) => Ok(number * unit),
        _ => Err("give a time like 120s or 2m".to_owned()),
    }
}

fn days(text: &str) -> Result<(u32, u32), String> {
    let wrong = || "give first and last day, like 6-14".to_owned();
    let (first, last) = text.split_once('-').ok_or_else(wrong)?;
    let (first, last) = (first.parse().map_err(|_| wrong())?, last.parse().map_err(|_| wrong())?);
    if first >= 1 && first <= last { Ok((first, last)) } else { Err(wrong()) }
}
