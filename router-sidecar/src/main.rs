//! `flotilla-router`: see `flotilla-router --help`.

use clap::Parser;
use flotilla_router::cli::{Cli, run};
use std::process::ExitCode;

/// A request takes some tens of small buffers and gives them back soon. This allocator does that for half of what the
/// system's takes, and is at least as sparing with memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

fn main() -> ExitCode {
    match run(Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("flotilla-router: {error}");
            ExitCode::FAILURE
        }
    }
}
