//! Which headers cross the router.
//!
//! Towards a target only what is listed here: a client's `authorization`, cookies, data classes and whatever else
//! its application adds stay with it. Back to the client everything but what belongs to the connection.

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
        // Cookies of a provider belong to the router's connection with it.
        HOP_BY_HOP.contains(name)
            || **name == header::SET_COOKIE
            || (length_may_change && **name == header::CONTENT_LENGTH)
    };
    let staying: Vec<_> = headers.keys().filter(stays).cloned().collect();
    for name in &staying {
        headers.remove(name);
    }
    headers
}
