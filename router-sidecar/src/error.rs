//! Every error that the router itself answers: one table of codes, OpenAI's shape.

use bytes::Bytes;
use http::{HeaderValue, Response, StatusCode, header};
use serde::Serialize;
use std::borrow::Cow;
use std::time::Duration;

/// The longest message and the longest name of a field, in bytes: they may quote what the client or a target said.
const MESSAGE_AT_MOST: usize = 600;
const PARAM_AT_MOST: usize = 128;

/// A text of at most so many bytes, and a mark where it was longer.
pub(crate) fn cut(mut text: String, most: usize) -> String {
    if text.len() > most {
        text.truncate(text.floor_char_boundary(most));
        text.push('…');
        text.shrink_to_fit();
    }
    text
}

/// What a client is told to wait when nothing better is known.
pub const RETRY_AFTER: Duration = Duration::from_secs(2);

/// A stable error code. Clients may match on [`Code::name`]; docs/router-config.md lists them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Code {
    /// The body is not JSON.
    InvalidJson,
    /// A field that the router reads has the wrong type.
    InvalidRequest,
    /// A field that the router needs is not there.
    MissingParameter,
    /// No target left can express a field of the request in its API.
    UnsupportedParameter,
    /// The body is larger than the limit.
    RequestTooLarge,
    /// The body did not arrive in time.
    RequestTimeout,
    /// The client has no key of the policy.
    InvalidApiKey,
    /// The client has used up its limit.
    RateLimitExceeded,
    /// A budget of the policy cannot pay for the request.
    InsufficientQuota,
    /// No policy claims the model.
    ModelNotFound,
    /// No such path.
    UnknownUrl,
    /// The path exists, the method does not.
    MethodNotAllowed,
    /// The prompt fits no target.
    ContextLengthExceeded,
    /// The request must stay in the cluster and has no route there.
    DataBoundary,
    /// The router has no config yet.
    NotConfigured,
    /// Targets exist, none is ready.
    NoBackendReady,
    /// As many requests as the policy allows are at the last target already.
    Overloaded,
    /// The bodies of all requests together are as large as they may be.
    RouterOverloaded,
    /// The client has too many connections open.
    TooManyStreams,
    /// No target could be reached.
    UpstreamUnreachable,
    /// The last target answered with a server error or broke off.
    UpstreamError,
    /// The last target does not take the key that the policy gives.
    UpstreamAuth,
    /// The last target is out of quota.
    UpstreamRateLimited,
    /// A deadline passed.
    UpstreamTimeout,
}

impl Code {
    /// Every code, for documentation and tests.
    pub const ALL: [Self; 24] = [
        Self::InvalidJson,
        Self::InvalidRequest,
        Self::MissingParameter,
        Self::UnsupportedParameter,
        Self::RequestTooLarge,
        Self::RequestTimeout,
        Self::InvalidApiKey,
        Self::RateLimitExceeded,
        Self::InsufficientQuota,
        Self::ModelNotFound,
        Self::UnknownUrl,
        Self::MethodNotAllowed,
        Self::ContextLengthExceeded,
        Self::DataBoundary,
        Self::NotConfigured,
        Self::NoBackendReady,
        Self::Overloaded,
        Self::RouterOverloaded,
        Self::TooManyStreams,
        Self::UpstreamUnreachable,
        Self::UpstreamError,
        Self::UpstreamAuth,
        Self::UpstreamRateLimited,
        Self::UpstreamTimeout,
    ];

    /// Code, status, type: the table.
    const fn row(self) -> (&'static str, StatusCode, &'static str) {
        const CLIENT: &str = "invalid_request_error";
        const SERVER: &str = "server_error";
        match self {
            Self::InvalidJson => ("invalid_json", StatusCode::BAD_REQUEST, CLIENT),
            Self::InvalidRequest => ("invalid_request", StatusCode::BAD_REQUEST, CLIENT),
            Self::MissingParameter => ("missing_required_parameter", StatusCode::BAD_REQUEST, CLIENT),
            Self::UnsupportedParameter => ("unsupported_parameter", StatusCode::BAD_REQUEST, CLIENT),
            Self::RequestTooLarge => ("request_too_large", StatusCode::PAYLOAD_TOO_LARGE, CLIENT),
            Self::RequestTimeout => ("request_timeout", StatusCode::REQUEST_TIMEOUT, CLIENT),
            Self::InvalidApiKey => ("invalid_api_key", StatusCode::UNAUTHORIZED, CLIENT),
            Self::RateLimitExceeded => {
                ("rate_limit_exceeded", StatusCode::TOO_MANY_REQUESTS, "rate_limit_error")
            }
            Self::InsufficientQuota => {
                ("insufficient_quota", StatusCode::TOO_MANY_REQUESTS, "insufficient_quota")
            }
            Self::ModelNotFound => ("model_not_found", StatusCode::NOT_FOUND, CLIENT),
            Self::UnknownUrl => ("unknown_url", StatusCode::NOT_FOUND, CLIENT),
            Self::MethodNotAllowed => ("method_not_allowed", StatusCode::METHOD_NOT_ALLOWED, CLIENT),
            Self::ContextLengthExceeded => ("context_length_exceeded", StatusCode::BAD_REQUEST, CLIENT),
            Self::DataBoundary => ("data_boundary", StatusCode::FORBIDDEN, "permission_error"),
            Self::NotConfigured => ("router_not_configured", StatusCode::SERVICE_UNAVAILABLE, SERVER),
            Self::NoBackendReady => ("no_backend_ready", StatusCode::SERVICE_UNAVAILABLE, SERVER),
            Self::Overloaded => ("overloaded", StatusCode::SERVICE_UNAVAILABLE, SERVER),
            Self::RouterOverloaded => ("router_overloaded", StatusCode::SERVICE_UNAVAILABLE, SERVER),
            Self::TooManyStreams => ("too_many_streams", StatusCode::TOO_MANY_REQUESTS, "rate_limit_error"),
            Self::UpstreamUnreachable => ("upstream_unreachable", StatusCode::BAD_GATEWAY, SERVER),
            Self::UpstreamError => ("upstream_error", StatusCode::BAD_GATEWAY, SERVER),
            Self::UpstreamAuth => ("upstream_auth", StatusCode::BAD_GATEWAY, SERVER),
            Self::UpstreamRateLimited => {
                ("upstream_rate_limited", StatusCode::TOO_MANY_REQUESTS, "rate_limit_error")
            }
            Self::UpstreamTimeout => ("upstream_timeout", StatusCode::GATEWAY_TIMEOUT, SERVER),
        }
    }

    /// The code as clients see it.
    pub const fn name(self) -> &'static str {
        self.row().0
    }

    /// The status of the answer.
    pub const fn status(self) -> StatusCode {
        self.row().1
    }

    const fn kind(self) -> &'static str {
        self.row().2
    }
}

/// An answer that is an error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Rejection {
    /// Which one.
    pub code: Code,
    /// For a person: what is wrong and what to change.
    pub message: String,
    /// The request field at fault.
    pub param: Option<Cow<'static, str>>,
    /// When trying again makes sense.
    pub retry_after: Option<Duration>,
}

#[derive(Serialize)]
struct Envelope<'a> {
    error: Body<'a>,
}

#[derive(Serialize)]
struct Body<'a> {
    message: &'a str,
    #[serde(rename = "type")]
    kind: &'static str,
    code: &'static str,
    param: Option<&'a str>,
}

impl Rejection {
    /// An error without a field at fault.
    pub fn new(code: Code, message: impl Into<String>) -> Self {
        let message = cut(message.into(), MESSAGE_AT_MOST);
        Self { code, message, param: None, retry_after: None }
    }

    /// Names the request field at fault.
    #[must_use]
    pub fn param(mut self, param: impl Into<Cow<'static, str>>) -> Self {
        self.param = Some(match param.into() {
            Cow::Owned(param) => Cow::Owned(cut(param, PARAM_AT_MOST)),
            known @ Cow::Borrowed(_) => known,
        });
        self
    }

    /// Says when to try again.
    #[must_use]
    pub fn retry_after(mut self, after: Duration) -> Self {
        self.retry_after = Some(after);
        self
    }

    /// The JSON body, as OpenAI shapes it.
    pub fn body(&self) -> Bytes {
        let envelope = Envelope {
            error: Body {
                message: &self.message,
                kind: self.code.kind(),
                code: self.code.name(),
                param: self.param.as_deref(),
            },
        };
        // Plain strings: serialising them into memory cannot fail.
        Bytes::from(serde_json::to_vec(&envelope).unwrap_or_default())
    }

    /// The whole answer.
    pub fn into_response(self) -> Response<Bytes> {
        let mut response = Response::new(self.body());
        *response.status_mut() = self.code.status();
        let headers = response.headers_mut();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        if self.code == Code::InvalidApiKey {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        if let Some(after) = self.retry_after {
            // Whole seconds, rounded up: earlier would be too early.
            let seconds = after.as_secs() + u64::from(after.subsec_nanos() > 0);
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn codes_are_distinct_and_their_statuses_are_errors() {
        let names: HashSet<_> = Code::ALL.iter().map(|c| c.name()).collect();
        assert_eq!(names.len(), Code::ALL.len());
        assert!(Code::ALL.iter().all(|c| c.status().as_u16() >= 400));
    }

    #[test]
    fn an_answer_has_the_shape_that_openai_clients_parse() {
        let rejection = Rejection::new(Code::ModelNotFound, "no \"x\"").param("model");
        let json: serde_json::Value = serde_json::from_slice(&rejection.body()).unwrap();
        assert_eq!(
            json,
            serde_json::json!({"error": {
                "message": "no \"x\"", "type": "invalid_request_error", "code": "model_not_found", "param": "model"
            }})
        );
    }

    #[test]
    fn what_is_quoted_is_cut_between_characters() {
        let long = "é".repeat(1 << 20);
        let rejection = Rejection::new(Code::InvalidRequest, format!("x{long}")).param(long);
        assert_eq!(rejection.message, format!("x{}…", "é".repeat(299)));
        assert_eq!(rejection.param.unwrap(), format!("{}…", "é".repeat(64)));
        assert_eq!(Rejection::new(Code::InvalidRequest, "é".repeat(300)).message, "é".repeat(300));
    }

    #[test]
    fn retry_after_is_in_whole_seconds_rounded_up() {
        let response =
            Rejection::new(Code::NoBackendReady, "").retry_after(Duration::from_millis(1200)).into_response();
        assert_eq!(response.headers()[header::RETRY_AFTER], "2");
    }
}
