//! `flotilla-sim`: see docs/scaling.md.

use clap::Parser as _;
use flotilla_sim::args::Cli;

fn main() -> anyhow::Result<()> {
    flotilla_sim::run::run(&Cli::parse())
}
