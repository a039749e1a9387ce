//! Which headers cross the router.
//!
//! Towards a target only what is listed here: a client's `authorization`, cookies, data classes and whatever else
//! its application adds stay with it. Back to the client everything but what belongs to the connection or the address.

use crate::snapshot::{Backend, Side};
use http::{HeaderMap, HeaderName, HeaderValue, header};

/// What every target gets from the client.
static TO_ANY: [HeaderName; 2] = [header::ACCEPT, header::USER_AGENT];
/// Names the span that a request belongs to (W3C Trace Context). The span of the attempt, where there are spans.
pub(super) const TRACEPARENT: HeaderName = HeaderName::from_static("traceparent");
/// What targets in the cluster get besides: names of requests and traces that mean nothing outside.
static TO_CLUSTER: [HeaderName; 3] =
    [HeaderName::from_static("x-request-id"), TRACEPARENT, HeaderName::from_static("tracestate")];
/// What belongs to one connection, not to the message (RFC 9110, 7.6.1).
static HOP_BY_HOP: [HeaderName; 7] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    header::PROXY_AUTHENTICATE,
    header::TE,
    header::TRAILER,
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

/// What a target says to who is connected with it, or of its own address: clients are at another one.
static OF_ADDRESS: [HeaderName; 3] = [header::SET_COOKIE, header::STRICT_TRANSPORT_SECURITY, header::ALT_SVC];

/// The headers of a request to a target.
pub(super) fn request_headers(client: &HeaderMap, backend: &Backend) -> HeaderMap {
    let mut headers = HeaderMap::with_capacity(8);
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
    let in_cluster = match backend.side {
        Side::InCluster => &TO_CLUSTER[..],
        Side::External => &[],
    };
    for name in TO_ANY.iter().chain(in_cluster) {
        if let Some(value) = client.get(name) {
            headers.insert(name, value.clone());
        }
    }
    for (name, value) in backend.dialect.headers.iter().chain(&backend.key) {
        headers.insert(name, value.clone());
    }
    headers
}

/// The headers of an answer to the client.
pub fn answer_headers(mut headers: HeaderMap, length_may_change: bool) -> HeaderMap {
    // Comparing the few names there are is cheaper than looking each of ours up.
    let stays = |name: &&HeaderName| {
        HOP_BY_HOP.contains(name)
            || OF_ADDRESS.contains(name)
            || (length_may_change && **name == header::CONTENT_LENGTH)
            || is_named(&headers, name)
    };
    let staying: Vec<_> = headers.keys().filter(stays).cloned().collect();
    for name in &staying {
        headers.remove(name);
    }
    headers
}

/// Whether a header belongs to the connection because the target says so.
fn is_named(headers: &HeaderMap, name: &HeaderName) -> bool {
    headers.get_all(header::CONNECTION).iter().any(|value| {
        let mut names = value.as_bytes().split(|byte| *byte == b',');
        names.any(|named| named.trim_ascii().eq_ignore_ascii_case(name.as_str().as_bytes()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_said_to_the_router_does_not_reach_the_client() {
        let headers: HeaderMap = [
            ("connection", "keep-alive, X-Hop"),
            ("connection", " x-another"),
            ("keep-alive", "timeout=5"),
            ("x-hop", "1"),
            ("x-another", "1"),
            ("transfer-encoding", "chunked"),
            ("trailer", "x-sum"),
            ("set-cookie", "__cf_bm=1"),
            ("strict-transport-security", "max-age=31536000"),
            ("alt-svc", "h3=\":443\""),
            ("content-type", "application/json"),
            ("content-length", "2"),
            ("x-request-id", "7"),
        ]
        .into_iter()
        .map(|(name, value)| (HeaderName::from_static(name), HeaderValue::from_static(value)))
        .collect();
        let left = |changes| {
            let left = answer_headers(headers.clone(), changes);
            let mut names: Vec<_> = left.keys().map(|name| name.as_str().to_owned()).collect();
            names.sort_unstable();
            names
        };
        assert_eq!(left(false), ["content-length", "content-type", "x-request-id"]);
        assert_eq!(left(true), ["content-type", "x-request-id"]);
    }
}
