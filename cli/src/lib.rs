//! `kubectl flotilla`: what the operator would do, said without a cluster; and what it reports of costs.
//!
//! Parse ([`args`], [`input`]), compute ([`report`], pure), show ([`render`], pure). `run.rs` is the thin rest:
//! files, the cluster, the terminal and exit codes.

pub mod args;
mod case;
mod cluster;
mod error;
pub mod explain;
pub mod input;
mod remedy;
pub mod render;
pub mod report;
mod run;

pub use case::{Basis, Case, Subject};
pub use error::{CliError, Exit};
pub use run::main;
