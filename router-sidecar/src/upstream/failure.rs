//! How a target can fail before its first byte, and what the client is told when no other is left.

use crate::error::{Code, Rejection};
use http::{HeaderMap, StatusCode, header};
use std::time::Duration;

/// Why an attempt failed before anything of it went to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No connection; nothing was sent.
    #[error("no connection")]
    Connect,
    /// The connection broke before the answer's first byte.
    #[error("the connection broke")]
    Broken,
    /// No first byte in time.
    #[error("no first byte in time")]
    Timeout,
    /// The answer is a server error, or leads elsewhere.
    #[error("status {0}")]
    Status(StatusCode),
    /// The target is out of quota.
    #[error("status 429")]
    RateLimited(Option<Duration>),
    /// The target does not take the policy's key.
    #[error("status {0}: the key is not accepted")]
    Auth(StatusCode),
    /// The stream's first event is an error.
    #[error("an error event")]
    ErrorEvent,
}

impl Failure {
    /// What a status means, if it is a failure of the target rather than of the request.
    pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, with_key: bool) -> Option<Self> {
        match status {
            StatusCode::TOO_MANY_REQUESTS => Some(Self::RateLimited(retry_after(headers))),
            // Providers quote part of the key in these answers: the client must not see them.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if with_key => Some(Self::Auth(status)),
            // A redirect is no answer either, and clients must not be led past the router.
            _ if status.is_server_error() || status.is_redirection() => Some(Self::Status(status)),
            _ => None,
        }
    }

    /// Whether another target may do better. A wrong key is the policy's own mistake: it must show, not be paid
    /// for elsewhere.
    pub fn may_try_next(&self) -> bool {
        !matches!(self, Self::Auth(_))
    }

    /// Whether the request was never sent, so that another endpoint of the same backend is free to try.
    pub fn nothing_sent(&self) -> bool {
        matches!(self, Self::Connect)
    }

    /// The answer when this was the last attempt.
    pub fn rejection(&self, backend: &str) -> Rejection {
        let code = match self {
            Self::Connect => Code::UpstreamUnreachable,
            Self::Broken | Self::Status(_) | Self::ErrorEvent => Code::UpstreamError,
            Self::Timeout => Code::UpstreamTimeout,
            Self::RateLimited(_) => Code::UpstreamRateLimited,
            Self::Auth(_) => Code::UpstreamAuth,
        };
        let rejection = Rejection::new(code, format!("backend {backend} failed: {self}"));
        match self {
            Self::RateLimited(Some(after)) => rejection.retry_after(*after),
            _ => rejection,
        }
    }
}

/// `Retry-After` in seconds; its date form is rare among these APIs and not read.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
