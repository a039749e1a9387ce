//! One bounded GET over HTTPS, redirects included.

use super::error::OciError;
use crate::internal_hosts::InternalHosts;
use crate::model_file::read::connector::{self, ClientError, HttpClient};
use bytes::{Bytes, BytesMut};
use http::header::{AUTHORIZATION, HeaderMap, LOCATION, USER_AGENT};
use http::uri::{Authority, Scheme};
use http::{HeaderValue, Request, Response, StatusCode, Uri};
use http_body_util::{BodyExt as _, Empty};
use hyper::body::Incoming;
use std::collections::BTreeSet;
use std::error::Error as _;
use std::sync::Arc;
use std::time::Duration;

/// How long a request may take, unless the options say otherwise.
const REQUEST_DEADLINE: Duration = Duration::from_secs(15);
/// Registries keep idle connections for a minute or more.
const IDLE_CONNECTION: Duration = Duration::from_secs(30);
/// Registries redirect blobs once, to where they store them.
const MOST_REDIRECTS: usize = 5;
const AGENT: &str = concat!("flotilla-operator/", env!("CARGO_PKG_VERSION"));

/// How registries are reached.
#[derive(Debug, Clone)]
pub struct TransportOptions {
    /// Registries (`host` or `host:port`) that are spoken to without TLS.
    pub plain_http: BTreeSet<String>,
    /// Certificate authorities in PEM, trusted beside the public ones.
    pub extra_roots: Option<Vec<u8>>,
    /// One request with its redirects and its body.
    pub deadline: Duration,
}

impl Default for TransportOptions {
    fn default() -> Self {
        Self { plain_http: BTreeSet::new(), extra_roots: None, deadline: REQUEST_DEADLINE }
    }
}

/// The pooled client that all registries share.
#[derive(Debug)]
pub struct Transport {
    client: HttpClient,
    plain_http: BTreeSet<String>,
    deadline: Duration,
}

/// An answer whose body is at most as long as was asked for.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: StatusCode,
    pub(super) headers: HeaderMap,
    pub(super) body: Bytes,
    /// Whether the body ended within the limit.
    pub(super) complete: bool,
}

impl Transport {
    /// Sets up the client; connects to nothing yet.
    ///
    /// # Errors
    /// If TLS cannot be set up.
    pub fn new(options: TransportOptions) -> Result<Self, ClientError> {
        // A registry is spoken to by TLS, unless who runs the operator says otherwise of it.
        let all = Arc::new(InternalHosts { allowed: true, api_server: None });
        let client = connector::client(options.extra_roots.as_deref(), all, IDLE_CONNECTION)?;
        Ok(Self { client, plain_http: options.plain_http, deadline: options.deadline })
    }

    /// Whether a host may be spoken to without TLS.
    pub(super) fn is_plain(&self, registry: &str) -> bool {
        self.plain_http.contains(registry)
    }

    /// Gets a URL. At most `limit` bytes of the body are read; errors name `registry`.
    pub(super) async fn get(
        &self,
        registry: &str,
        url: Uri,
        headers: HeaderMap,
        limit: usize,
    ) -> Result<Answer, OciError> {
        let late = |_| Err(OciError::TimedOut { registry: registry.to_owned(), deadline: self.deadline });
        tokio::time::timeout(self.deadline, self.follow(registry, url, headers, limit))
            .await
            .unwrap_or_else(late)
    }

    async fn follow(
        &self,
        registry: &str,
        mut url: Uri,
        mut headers: HeaderMap,
        limit: usize,
    ) -> Result<Answer, OciError> {
        headers.insert(USER_AGENT, HeaderValue::from_static(AGENT));
        let refused = |problem: String| OciError::Redirect { registry: registry.to_owned(), problem };
        for _ in 0..=MOST_REDIRECTS {
            let response = self.send(registry, &url, &headers).await?;
            let redirects = matches!(response.status().as_u16(), 301 | 302 | 303 | 307 | 308);
            let Some(location) = response.headers().get(LOCATION).filter(|_| redirects) else {
                return read(registry, response, limit).await;
            };
            let next = location.to_str().ok().and_then(|text| resolve(&url, text));
            let next = next.ok_or_else(|| refused("to what is no URL".to_owned()))?;
            let to_host = next.authority().map(Authority::as_str).unwrap_or_default();
            if next.scheme() != Some(&Scheme::HTTPS) && !self.is_plain(to_host) {
                return Err(refused(format!("to {to_host} without TLS")));
            }
            if (next.scheme(), next.authority()) != (url.scheme(), url.authority()) {
                // What one host is told is no business of another's.
                headers.remove(AUTHORIZATION);
            }
            url = next;
        }
        Err(refused(format!("more than {MOST_REDIRECTS} times")))
    }

    async fn send(
        &self,
        registry: &str,
        url: &Uri,
        headers: &HeaderMap,
    ) -> Result<Response<Incoming>, OciError> {
        let mut request = Request::new(Empty::new());
        *request.uri_mut() = url.clone();
        *request.headers_mut() = headers.clone();
        self.client.request(request).await.map_err(|error| OciError::Unreachable {
            registry: registry.to_owned(),
            problem: innermost(&error),
        })
    }
}

/// The cause at the bottom says most: "connection refused", "certificate not valid for name".
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    let mut cause = error;
    while let Some(deeper) = cause.source() {
        cause = deeper;
    }
    cause.to_string()
}

async fn read(registry: &str, response: Response<Incoming>, limit: usize) -> Result<Answer, OciError> {
    let (head, mut incoming) = response.into_parts();
    let mut body = BytesMut::new();
    let mut complete = true;
    while let Some(frame) = incoming.frame().await {
        let frame = frame.map_err(|error| OciError::Unreachable {
            registry: registry.to_owned(),
            problem: error.source().map_or_else(|| error.to_string(), innermost),
        })?;
        let Some(data) = frame.data_ref() else { continue };
        let room = limit - body.len();
        body.extend_from_slice(&data[..data.len().min(room)]);
        if data.len() > room {
            complete = false;
            break;
        }
    }
    Ok(Answer { status: head.status, headers: head.headers, body: body.freeze(), complete })
}

/// Resolves a Location: an absolute URL, or a path on the same host.
fn resolve(base: &Uri, location: &str) -> Option<Uri> {
    if location.starts_with('/') && !location.starts_with("//") {
        let mut parts = base.clone().into_parts();
        parts.path_and_query = Some(location.parse().ok()?);
        return Uri::from_parts(parts).ok();
    }
    let absolute: Uri = location.parse().ok()?;
    (matches!(absolute.scheme_str(), Some("http" | "https")) && absolute.authority().is_some())
        .then_some(absolute)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn locations_are_resolved() {
        let base: Uri = "https://a.example/v2/m/blobs/x?y=z".parse().unwrap();
        for (location, expected) in [
            ("/other?sig=1", Some("https://a.example/other?sig=1")),
            ("https://b.example:8443/x", Some("https://b.example:8443/x")),
            ("//b.example/x", None),
            ("relative", None),
            ("ftp://b.example/x", None),
            ("", None),
        ] {
            let resolved = resolve(&base, location).map(|url| url.to_string());
            assert_eq!(resolved.as_deref(), expected, "{location}");
        }
    }

    #[test]
    fn authorities_that_are_none_are_refused() {
        let options = TransportOptions {
            extra_roots: Some(b"-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n".to_vec()),
            ..TransportOptions::default()
        };
        assert!(Transport::new(options).is_err());
    }
}
