//! The command line: parse, wire, run.

mod args;
mod drain;
mod memory;
mod run;

pub use args::{Cli, Command, ServeArgs};
pub use run::{RunError, run};
