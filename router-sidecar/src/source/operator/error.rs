//! Why a stream to the operator ended.

use http::StatusCode;
use std::path::PathBuf;
use std::time::Duration;

/// Every one of them leads to another try.
#[derive(Debug, thiserror::Error)]
pub enum StreamError {
    /// The token file cannot be read.
    #[error("the token file {}: {source}", path.display())]
    Token {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The token is no header value.
    #[error("the token file {} holds no token", .0.display())]
    TokenValue(PathBuf),
    /// TCP or TLS failed.
    #[error("connecting: {0}")]
    Connect(#[from] std::io::Error),
    /// HTTP/2 failed.
    #[error("HTTP/2: {0}")]
    Http(#[from] hyper::Error),
    /// A step took too long.
    #[error("{step} took longer than {} s", limit.as_secs())]
    Deadline {
        /// Which one.
        step: &'static str,
        /// Its limit.
        limit: Duration,
    },
    /// The operator does not take this router.
    #[error("the operator answered {0}: check that the token's audience is the operator's")]
    Status(StatusCode),
    /// Neither config nor ping for too long.
    #[error("nothing came for {} s", .0.as_secs())]
    Silent(Duration),
    /// The router stops.
    #[error("the router stops")]
    Stopped,
    /// The operator ended the stream.
    #[error("the operator ended the stream")]
    Ended,
    /// A line beyond the bound.
    #[error("a message is longer than {0} bytes")]
    TooLong(usize),
    /// A line that is no message of this version. It may hold keys, so it is not quoted.
    #[error("a message cannot be read at column {0}: operator and router may be of different versions")]
    Message(usize),
}
