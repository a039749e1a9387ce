//! What can go wrong while a bed or an image is made.

use std::{
    io,
    path::{Path, PathBuf},
};

/// Every failure of the bed and of the image builder. The text says what happened and, where the person at the
/// keyboard can do something, what.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The machine lacks something; the sentence says what to do.
    #[error("{0}")]
    Machine(String),
    /// A file operation failed.
    #[error("cannot {action} {}: {source}", path.display())]
    File {
        /// The verb, as in "cannot read".
        action: &'static str,
        /// The file or folder.
        path: PathBuf,
        /// The operating system's word.
        source: io::Error,
    },
    /// A program could not be started.
    #[error("cannot start `{command}`: {source}")]
    Start {
        /// The command line.
        command: String,
        /// The operating system's word.
        source: io::Error,
    },
    /// A program ended with an error.
    #[error("`{command}` failed ({status}):\n{output}")]
    Command {
        /// The command line.
        command: String,
        /// Exit status.
        status: std::process::ExitStatus,
        /// The end of what it printed.
        output: String,
    },
    /// Something did not become ready in time.
    #[error("{what} is not ready after {seconds} s{}", hint(log.as_deref()))]
    NotReady {
        /// What was waited for.
        what: String,
        /// How long.
        seconds: u64,
        /// Where it logs.
        log: Option<PathBuf>,
    },
    /// A daemon ended although it should run.
    #[error("{name} ended by itself; the last lines of {}:\n{tail}", log.display())]
    Ended {
        /// The daemon.
        name: String,
        /// Its log file.
        log: PathBuf,
        /// The end of the log.
        tail: String,
    },
    /// A certificate could not be made.
    #[error("cannot make a certificate: {0}")]
    Certificate(#[from] rcgen::Error),
    /// A file of our own or a program's answer is not the JSON we expect.
    #[error("cannot read {what} as JSON: {source}")]
    Json {
        /// What was read.
        what: String,
        /// The parser's word.
        source: serde_json::Error,
    },
    /// A file is not what its name or its checksum promises.
    #[error("{0}")]
    Content(String),
}

/// Shorthand for this crate's results.
pub type Result<T, E = Error> = std::result::Result<T, E>;

fn hint(log: Option<&Path>) -> String {
    log.map(|log| format!("; it logs to {}", log.display())).unwrap_or_default()
}

/// Adds the verb and the path to an [`io::Result`].
pub trait FileContext<T> {
    /// Turns the error into [`Error::File`].
    fn context(self, action: &'static str, path: impl AsRef<Path>) -> Result<T>;
}

impl<T> FileContext<T> for io::Result<T> {
    fn context(self, action: &'static str, path: impl AsRef<Path>) -> Result<T> {
        self.map_err(|source| Error::File { action, path: path.as_ref().to_owned(), source })
    }
}
