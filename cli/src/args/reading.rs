//! How `size` reads the files that it is pointed to.

use super::values::seconds;
use clap::Args;
use std::time::Duration;

/// How files of models are read.
#[derive(Args, Clone, Debug)]
pub struct Reading {
    /// Read nothing over the network: -f then goes by what the spec says of the model, not by its file.
    #[arg(long, help_heading = "Reading files")]
    pub offline: bool,
    /// The longest that reading one file may take. [default: 60]
    #[arg(long, value_name = "SECONDS", value_parser = seconds, allow_negative_numbers = true, help_heading = "Reading files")]
    pub timeout: Option<Duration>,
    /// Speak to registries without TLS.
    #[arg(long, help_heading = "Reading files")]
    pub plain_http: bool,
    /// Certificate authorities of registries and other hosts, a file in PEM, beside the public ones.
    #[arg(long, value_name = "FILE", help_heading = "Reading files")]
    pub registry_ca_file: Option<String>,
}
