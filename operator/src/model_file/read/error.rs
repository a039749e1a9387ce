//! Why a file cannot be read.

use std::time::Duration;

/// What went wrong, in words that say what to change. Names are those of [`ReadAt::name`](super::ReadAt::name).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum ReadError {
    /// There is no such file.
    #[error("{name} does not exist; check the name")]
    NotFound {
        /// The file.
        name: String,
    },
    /// The file needs credentials, or others than were given.
    #[error("{name} may not be read ({reason}); check the credentials, and that its licence was accepted")]
    Denied {
        /// The file.
        name: String,
        /// What was answered, such as `401 Unauthorized`.
        reason: String,
    },
    /// Its address, or one that it leads to, is inside.
    #[error("{name} is not asked: {reason}")]
    Internal {
        /// The file.
        name: String,
        /// Which host, and why it is refused.
        reason: String,
    },
    /// The server was not reached, or the connection broke.
    #[error("{name} cannot be reached: {reason}")]
    Unreachable {
        /// The file.
        name: String,
        /// What failed.
        reason: String,
    },
    /// No answer came in time.
    #[error("{name} did not answer within {} s", deadline.as_secs())]
    Deadline {
        /// The file.
        name: String,
        /// How long was waited.
        deadline: Duration,
    },
    /// The answer is not what was asked for.
    #[error("{name} was not answered as asked: {reason}")]
    Answer {
        /// The file.
        name: String,
        /// What is wrong with the answer.
        reason: String,
    },
    /// The file ended, or the answer broke off, before the bytes that were asked for.
    #[error("{name} broke off at byte {at} of {wanted}")]
    Truncated {
        /// The file.
        name: String,
        /// Where it ended.
        at: u64,
        /// Where it should have ended.
        wanted: u64,
    },
    /// More would have to be read than is allowed.
    #[error("{name} would take more than {limit} bytes to read")]
    TooLarge {
        /// The file.
        name: String,
        /// The most that is read.
        limit: u64,
    },
    /// The operating system refused.
    #[error("{name} cannot be read: {reason}")]
    Io {
        /// The file.
        name: String,
        /// What the operating system said.
        reason: String,
    },
}
