//! Answers that bring nothing.

use crate::error::FetchError;
use http::{HeaderMap, Response, StatusCode, header};
use hyper::body::Incoming;
use std::time::Duration;

/// Headers in which a hub says more than its status.
const DETAILS: [&str; 2] = ["x-error-code", "x-error-message"];
/// The longest piece of them in a message.
const LONGEST: usize = 200;

pub(super) fn error(url: &str, response: &Response<Incoming>) -> FetchError {
    let (status, detail, url) = (response.status(), detail(response.headers()), url.to_owned());
    match status {
        StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => FetchError::Unauthorized { url, status, detail },
        StatusCode::NOT_FOUND | StatusCode::GONE => FetchError::NotFound { url, status, detail },
        StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT => {
            FetchError::Unavailable { url, status, detail, retry_after: retry_after(response.headers()) }
        }
        status if status.is_server_error() => {
            FetchError::Unavailable { url, status, detail, retry_after: retry_after(response.headers()) }
        }
        status => FetchError::Answer { url, what: format!("{status}{detail}") },
    }
}

fn detail(headers: &HeaderMap) -> String {
    let said = DETAILS.iter().filter_map(|name| headers.get(*name)?.to_str().ok());
    let said: Vec<_> = said.map(|text| text.chars().take(LONGEST).collect::<String>()).collect();
    if said.is_empty() { String::new() } else { format!(" ({})", said.join(": ")) }
}

/// In seconds; dates are rare, and the usual waits do for them.
fn retry_after(headers: &HeaderMap) -> Option<Duration> {
    let seconds = headers.get(header::RETRY_AFTER)?.to_str().ok()?.trim().parse().ok()?;
    Some(Duration::from_secs(seconds))
}
