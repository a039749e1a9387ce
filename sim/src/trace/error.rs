//! Why a trace cannot be read.

use std::path::PathBuf;

/// What is wrong with a trace.
#[derive(Debug, thiserror::Error)]
pub enum TraceError {
    /// The file cannot be read.
    #[error("cannot read {}: {source}", path.display())]
    Read {
        /// Which.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The first line is of neither format.
    #[error(
        "the first line is {0:?}: expected TIMESTAMP,ContextTokens,GeneratedTokens or \
         t_s,req_per_s,covered_req_per_s,covered_in_tok_per_s,covered_out_tok_per_s"
    )]
    Header(String),
    /// A line does not have the columns of its format.
    #[error("line {line} cannot be read: {text:?}")]
    Line {
        /// Counted from 1.
        line: usize,
        /// As it stands there.
        text: String,
    },
    /// A line is earlier than the one before.
    #[error("line {0} is earlier than the one before it")]
    Order(usize),
    /// Days of something that has none.
    #[error("only a file of windows has days: leave out --days and --tune-days")]
    NoDays,
    /// There is nothing in it.
    #[error("there are no requests in the trace")]
    Empty,
}
