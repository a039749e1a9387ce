//! How a target can fail before its first content, what follows from it, and what the client is told when no other
//! target is left.

use crate::budget::Exceeded;
use crate::dialect::Unsupported;
use crate::error::{Code, RETRY_AFTER, Rejection};
use crate::request::Operation;
use flotilla_crds::router_config::OnExceeded;
use http::{HeaderMap, StatusCode, header};
use jiff::Timestamp;
use jiff::fmt::rfc2822;
use std::time::Duration;

/// Why an attempt failed before any content of it went to the client.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// No connection; nothing was sent.
    #[error("no connection")]
    Connect,
    /// The connection broke before the answer's first content.
    #[error("the connection broke")]
    Broken,
    /// No content in time: a fault, unless it was the time of the request as a whole and nothing says that the endpoint
    /// hangs.
    #[error("no first byte in time")]
    Timeout,
    /// The answer is a server error, or leads elsewhere.
    #[error("status {0}")]
    Status(StatusCode),
    /// The endpoint is out of quota. The pods of a fleet have each their own; an external API has one endpoint.
    #[error("status 429")]
    RateLimited(Option<Duration>),
    /// The target does not take the policy's key, or misses one.
    #[error("status {0}: the key is not accepted")]
    Auth(StatusCode),
    /// The stream holds an error before any content, or the answer is one whatever its status says.
    #[error("an error in the place of an answer")]
    ErrorEvent,
    /// As many requests as the policy allows are there already; nothing was sent.
    #[error("as many requests as the policy allows are there already")]
    Full,
    /// Part of the request has no form in the target's dialect; nothing was sent.
    #[error("its API cannot express the request: {}", .0.field())]
    Unsupported(Unsupported),
    /// There is no room to translate in; nothing was sent, or nothing of the answer was kept.
    #[error("the router has no memory left for it")]
    NoRoom,
    /// The answer is not in the target's dialect, or is far too long.
    #[error("its answer cannot be read")]
    Garbled,
    /// A budget cannot pay for the attempt; nothing was sent.
    #[error("{0}")]
    Unpaid(Exceeded),
    /// The prompt does not fit; what the target says about it.
    #[error("the prompt does not fit its context window: {0}")]
    ContextOverflow(String),
    /// It answered, but not by going on with the stream that it was given the beginning of.
    #[error("status {0}: it does not go on with what was begun")]
    NotContinued(StatusCode),
}

/// Which of the further targets may do better.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// Any, and another endpoint of the same target first.
    Any,
    /// Any but this one: all of its endpoints would say the same.
    Others,
    /// Those with a larger context window.
    Larger,
    /// Others, if they are in the cluster.
    InCluster,
    /// None: the request ends here.
    None,
    /// Others, but only if the policy asks for it: a wrong key is the policy's own mistake, which must show
    /// instead of being paid for elsewhere.
    IfAsked,
}

/// What a failure says about the endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blame {
    /// It may be broken: counts towards its ejection.
    Fault,
    /// It is well, but must be left alone for a time.
    CoolDown(Duration),
    /// Nothing: the request or the policy is at fault.
    None,
}

/// How long a target rests after a 429 that does not say it.
const COOL_DOWN: Duration = Duration::from_secs(1);
/// The longest rest that a target may ask for. Daily quotas say hours; a look now and then costs little.
const COOL_DOWN_AT_MOST: Duration = Duration::from_mins(5);
/// The longest `Retry-After` that clients are told: quotas are by the month at most.
const RETRY_AFTER_AT_MOST: Duration = Duration::from_hours(31 * 24);

impl Failure {
    /// The causes, as metrics name them.
    pub const CAUSES: [&'static str; 14] = [
        "connect",
        "broken",
        "timeout",
        "status",
        "rate_limited",
        "auth",
        "error_event",
        "full",
        "unsupported",
        "no_room",
        "garbled",
        "unpaid",
        "context_overflow",
        "not_continued",
    ];

    /// Cause, code for the client, what may do better: the table.
    fn row(&self) -> (&'static str, Code, Next) {
        match self {
            Self::Connect => ("connect", Code::UpstreamUnreachable, Next::Any),
            Self::Broken => ("broken", Code::UpstreamError, Next::Any),
            Self::Timeout => ("timeout", Code::UpstreamTimeout, Next::Any),
            Self::Status(_) => ("status", Code::UpstreamError, Next::Any),
            Self::RateLimited(_) => ("rate_limited", Code::UpstreamRateLimited, Next::Any),
            Self::Auth(_) => ("auth", Code::UpstreamAuth, Next::IfAsked),
            Self::ErrorEvent => ("error_event", Code::UpstreamError, Next::Any),
            Self::Full => ("full", Code::Overloaded, Next::Others),
            Self::Unsupported(_) => ("unsupported", Code::UnsupportedParameter, Next::Others),
            Self::NoRoom => ("no_room", Code::RouterOverloaded, Next::Others),
            Self::Garbled => ("garbled", Code::UpstreamError, Next::Any),
            Self::Unpaid(exceeded) => ("unpaid", Code::InsufficientQuota, after(exceeded.then)),
            Self::ContextOverflow(_) => ("context_overflow", Code::ContextLengthExceeded, Next::Larger),
            Self::NotContinued(_) => ("not_continued", Code::UpstreamError, Next::None),
        }
    }

    /// The cause, for metrics.
    pub fn cause(&self) -> &'static str {
        self.row().0
    }

    /// The status of the answer, where there was one.
    pub fn status(&self) -> Option<StatusCode> {
        match self {
            Self::Status(status) | Self::Auth(status) | Self::NotContinued(status) => Some(*status),
            Self::RateLimited(_) => Some(StatusCode::TOO_MANY_REQUESTS),
            _ => None,
        }
    }

    /// What may do better.
    pub fn next(&self) -> Next {
        self.row().2
    }

    /// Whether the target may do better the next time, with the request as it is.
    pub fn is_transient(&self) -> bool {
        match self {
            Self::Connect
            | Self::Broken
            | Self::Timeout
            | Self::Status(_)
            | Self::RateLimited(_)
            | Self::ErrorEvent
            | Self::Full
            | Self::NoRoom
            | Self::Garbled => true,
            Self::Auth(_)
            | Self::Unsupported(_)
            | Self::Unpaid(_)
            | Self::ContextOverflow(_)
            | Self::NotContinued(_) => false,
        }
    }

    /// Whether it is only known of targets that were passed over, with nothing sent to them.
    pub fn passes_over(&self) -> bool {
        matches!(self, Self::Full | Self::Unsupported(_) | Self::Unpaid(_))
    }

    /// Whether the client would have to change the request.
    pub fn is_of_request(&self) -> bool {
        matches!(self, Self::Unsupported(_) | Self::ContextOverflow(_))
    }

    /// Whether the target was at work on the prompt, for all that is known: until a deadline, or to the end of an
    /// answer that nobody got.
    pub fn is_paid_for(&self) -> bool {
        matches!(self, Self::Timeout | Self::Garbled | Self::NoRoom)
    }

    /// What it says about the endpoint. A wrong key must show, unless that is to lead elsewhere: then it is as good a
    /// reason to leave the endpoint alone as any other.
    pub fn blame(&self, failover_on_auth: bool) -> Blame {
        match self {
            Self::Auth(_) if failover_on_auth => Blame::Fault,
            Self::RateLimited(after) => Blame::CoolDown(after.unwrap_or(COOL_DOWN).min(COOL_DOWN_AT_MOST)),
            Self::Auth(_)
            | Self::Full
            | Self::Unsupported(_)
            | Self::NoRoom
            | Self::Unpaid(_)
            | Self::ContextOverflow(_)
            | Self::NotContinued(_) => Blame::None,
            Self::Connect
            | Self::Broken
            | Self::Timeout
            | Self::Status(_)
            | Self::ErrorEvent
            | Self::Garbled => Blame::Fault,
        }
    }

    /// What a status means, if it is a failure of the target rather than of the request; whether keys are the policy's
    /// business there is said.
    pub(super) fn of_status(status: StatusCode, headers: &HeaderMap, is_policys: bool) -> Option<Self> {
        match status {
            StatusCode::TOO_MANY_REQUESTS => Some(Self::RateLimited(retry_after(headers))),
            // Providers quote part of the key in these answers: the client must not see them.
            StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN if is_policys => Some(Self::Auth(status)),
            // A redirect is no answer either, and clients must not be led past the router.
            _ if status.is_server_error() || status.is_redirection() => Some(Self::Status(status)),
            _ => None,
        }
    }

    /// The answer to such a request when this was the last attempt.
    pub fn rejection(&self, backend: &str, operation: Operation) -> Rejection {
        let code = self.row().1;
        let rejection = Rejection::new(code, format!("backend {backend} failed: {self}"));
        match self {
            Self::Unpaid(exceeded) => unpaid(exceeded),
            Self::RateLimited(Some(after)) => rejection.retry_after(*after),
            Self::Full | Self::NoRoom => rejection.retry_after(RETRY_AFTER),
            Self::Unsupported(unsupported) => {
                // The client alone is told what is wrong with it: that may quote the prompt.
                let message =
                    format!("backend {backend} failed: its API cannot express the request: {unsupported}");
                Rejection::new(code, message).param(unsupported.param.clone())
            }
            Self::ContextOverflow(_) => rejection.param(operation.input()),
            _ => rejection,
        }
    }
}

/// The answer to a request that a budget cannot pay for.
pub fn unpaid(exceeded: &Exceeded) -> Rejection {
    Rejection::new(Code::InsufficientQuota, exceeded.to_string()).retry_after(exceeded.wait)
}

const fn after(exceeded: OnExceeded) -> Next {
    match exceeded {
        OnExceeded::Reject => Next::None,
        OnExceeded::Fallback => Next::Others,
        OnExceeded::FleetOnly => Next::InCluster,
    }
}

/// `Retry-After`, bounded.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let value = headers.get(header::RETRY_AFTER)?.to_str().ok()?;
    rest(value.trim(), Timestamp::now)
}

/// How long this is from now: seconds, which some APIs give to the fraction, or a date. A date that has passed says
/// nothing: the clocks differ.
fn rest(value: &str, now: impl FnOnce() -> Timestamp) -> Option<Duration> {
    let seconds = match value.parse::<f64>() {
        Ok(seconds) if !seconds.is_nan() => seconds,
        _ => rfc2822::DateTimeParser::new().parse_timestamp(value).ok()?.duration_since(now()).as_secs_f64(),
    };
    let bounded = seconds.min(RETRY_AFTER_AT_MOST.as_secs_f64());
    Duration::try_from_secs_f64(bounded).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_failure_has_a_cause_that_metrics_know() {
        let bad = StatusCode::BAD_GATEWAY;
        let all = [
            Failure::Connect,
            Failure::Broken,
            Failure::Timeout,
            Failure::Status(bad),
            Failure::RateLimited(None),
            Failure::Auth(bad),
            Failure::ErrorEvent,
            Failure::Full,
            Failure::Unsupported(Unsupported { param: String::new(), message: String::new() }),
            Failure::NoRoom,
            Failure::Garbled,
            Failure::Unpaid(Exceeded::testing(OnExceeded::Reject)),
            Failure::ContextOverflow(String::new()),
            Failure::NotContinued(bad),
        ];
        assert_eq!(all.map(|failure| failure.cause()), Failure::CAUSES);
    }

    #[test]
    fn a_rest_is_read_in_each_form_that_it_has() {
        let now = || "2026-03-01T11:59:30Z".parse().unwrap();
        let seconds = |n| Some(Duration::from_secs(n));
        for (value, expected) in [
            ("7", seconds(7)),
            ("0", seconds(0)),
            ("1.5", Some(Duration::from_millis(1500))),
            ("0.25", Some(Duration::from_millis(250))),
            ("Sun, 01 Mar 2026 12:00:00 GMT", seconds(30)),
            ("99999999999999999999999", Some(RETRY_AFTER_AT_MOST)),
            ("inf", Some(RETRY_AFTER_AT_MOST)),
            ("Sat, 01 Mar 2036 12:00:00 GMT", Some(RETRY_AFTER_AT_MOST)),
            ("Sun, 01 Mar 2026 11:59:00 GMT", None),
            ("-1", None),
            ("NaN", None),
            ("soon", None),
            ("", None),
        ] {
            assert_eq!(rest(value, now), expected, "{value}");
        }
    }

    #[test]
    fn a_quota_that_is_spent_for_hours_is_looked_at_again_within_minutes() {
        let rest = |after| Failure::RateLimited(after).blame(false);
        assert_eq!(rest(None), Blame::CoolDown(COOL_DOWN));
        assert_eq!(rest(Some(Duration::from_secs(7))), Blame::CoolDown(Duration::from_secs(7)));
        assert_eq!(rest(Some(Duration::from_hours(9))), Blame::CoolDown(COOL_DOWN_AT_MOST));
    }
}
