//! Logs to standard error. `RUST_LOG` sets what is logged, `info` by default.

mod json;
mod lines;

pub use json::JsonLine;
pub use lines::Lines;

use clap::ValueEnum;
use tracing_subscriber::EnvFilter;

/// How log lines look.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum LogFormat {
    /// One JSON object a line.
    Json,
    /// For people.
    Text,
}

/// Starts logging for the whole process; a second call changes nothing. What is returned holds lines back until
/// [`Lines::flush_when_due`] or [`Lines::flush_now`] writes them.
pub fn init(format: LogFormat) -> Lines {
    let lines = Lines::default();
    let filter = EnvFilter::try_from_default_env().unwrap_or_else(|_| EnvFilter::new("info"));
    let builder = tracing_subscriber::fmt().with_env_filter(filter).with_writer(lines.clone());
    let started = match format {
        LogFormat::Json => builder.event_format(JsonLine).try_init(),
        LogFormat::Text => builder.with_target(false).try_init(),
    };
    if let Err(error) = started {
        tracing::debug!(%error, "logging was started before");
    }
    lines
}
