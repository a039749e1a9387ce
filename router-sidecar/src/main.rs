//! `flotilla-router`: see `flotilla-router --help`.

use clap::Parser;
use flotilla_router::cli::{Cli, run};
use std::process::ExitCode;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flotilla-router: {error}");
            ExitCode::FAILURE
        }
    }
}
