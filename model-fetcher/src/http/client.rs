//! The client.

use super::answer::{Answer, Linked};
use super::{HEAD_DEADLINE, Range, refusal, shown};
use crate::error::FetchError;
use bytes::Bytes;
use flotilla_model_source::origin::Request;
use http::{StatusCode, header};
use http_body_util::Empty;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use rustls_pki_types::CertificateDer;
use rustls_pki_types::pem::PemObject as _;
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Name lookup and TCP.
const CONNECT_DEADLINE: Duration = Duration::from_secs(10);
/// Bytes of an answer's head, whose redirects may carry signatures of a few KB.
const MAX_HEAD: usize = 64 << 10;
/// A hub sends to its storage in one or two steps.
const MAX_REDIRECTS: usize = 5;

/// Connections to sources. Cheap to clone.
#[derive(Debug, Clone)]
pub struct HttpClient(Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The given authorities cannot be read.
    #[error("FLOTILLA_CA_PEM holds no certificate authorities: {0}")]
    Authorities(String),
    /// The TLS library refuses its own defaults.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

impl HttpClient {
    /// A client that trusts the authorities that browsers trust, and those in `extra_pem`.
    ///
    /// # Errors
    /// If `extra_pem` holds none.
    pub fn new(extra_pem: Option<&str>) -> Result<Self, ClientError> {
        let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
        if let Some(pem) = extra_pem {
            let before = roots.len();
            for certificate in CertificateDer::pem_slice_iter(pem.as_bytes()) {
                let certificate = certificate.map_err(|error| ClientError::Authorities(error.to_string()))?;
                roots.add(certificate).map_err(|error| ClientError::Authorities(error.to_string()))?;
            }
            if roots.len() == before {
                return Err(ClientError::Authorities("it is empty".to_owned()));
            }
        }
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        http.set_connect_timeout(Some(CONNECT_DEADLINE));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let tls = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()?
            .with_root_certificates(roots)
            .with_no_client_auth();
        let connector = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_or_http()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new())
            .pool_timer(TokioTimer::new())
            .http1_max_buf_size(MAX_HEAD)
            .build(connector);
        Ok(Self(client))
    }

    /// Asks, follows redirects, and gives an answer that can be used: 200, 206 or 416. The token and further headers go
    /// to the first origin alone.
    pub(crate) async fn get(&self, request: &Request, range: Option<&Range>) -> Result<Answer, FetchError> {
        let mut url = request.url.clone();
        let mut linked = Linked::default();
        for _ in 0..=MAX_REDIRECTS {
            let response = self.ask(request, &url, range).await?;
            linked.learn(response.headers());
            match response.status() {
                status if status.is_redirection() && status != StatusCode::NOT_MODIFIED => {
                    url = next(&url, &response)?;
                }
                StatusCode::OK | StatusCode::PARTIAL_CONTENT | StatusCode::RANGE_NOT_SATISFIABLE => {
                    return Answer::new(shown(&url), response, linked);
                }
                _ => return Err(refusal::error(&shown(&url), &response)),
            }
        }
        let what = format!("more than {MAX_REDIRECTS} redirects");
        Err(FetchError::Answer { url: shown(&request.url), what })
    }

    async fn ask(
        &self,
        request: &Request,
        url: &Url,
        range: Option<&Range>,
    ) -> Result<http::Response<hyper::body::Incoming>, FetchError> {
        let mut asked = http::Request::get(url.as_str())
            .header(header::ACCEPT_ENCODING, "identity")
            .header(header::USER_AGENT, concat!("flotilla/", env!("CARGO_PKG_VERSION")));
        if let Some(range) = range.filter(|range| range.from > 0) {
            asked = asked.header(header::RANGE, format!("bytes={}-", range.from));
            if let Some(etag) = &range.etag {
                asked = asked.header(header::IF_RANGE, etag);
            }
        }
        if url.origin() == request.url.origin() {
            for (name, value) in &request.headers {
                asked = asked.header(*name, *value);
            }
            if let Some(token) = &request.token {
                asked = asked.header(header::AUTHORIZATION, format!("Bearer {token}"));
            }
        }
        let wrong = |_| FetchError::Answer {
            url: shown(url),
            what: "the token or a redirect holds characters of no header or URL".to_owned(),
        };
        let asked = asked.body(Empty::new()).map_err(wrong)?;
        let interrupted = |what: String| FetchError::Interrupted { url: shown(url), what };
        match tokio::time::timeout(HEAD_DEADLINE, self.0.request(asked)).await {
            Ok(Ok(response)) => Ok(response),
            Ok(Err(error)) => Err(interrupted(format!("cannot be reached: {}", causes(&error)))),
            Err(_) => Err(interrupted(format!("does not answer within {} s", HEAD_DEADLINE.as_secs()))),
        }
    }
}

/// Where a redirect leads. From https it leads to https only.
fn next(url: &Url, response: &http::Response<hyper::body::Incoming>) -> Result<Url, FetchError> {
    let wrong = |what: &str| FetchError::Answer { url: shown(url), what: what.to_owned() };
    let location = response.headers().get(header::LOCATION).and_then(|location| location.to_str().ok());
    let location =
        location.ok_or_else(|| wrong("a redirect to nowhere; is the S3 bucket in another region?"))?;
    let next = url.join(location).map_err(|_| wrong("a redirect to no URL"))?;
    match (url.scheme(), next.scheme()) {
        (_, "https") | ("http", "http") => Ok(next),
        _ => Err(wrong("a redirect from https to something else")),
    }
}

/// An error with what caused it, in a line.
pub(super) fn causes(error: &(dyn std::error::Error + 'static)) -> String {
    let causes = std::iter::successors(Some(error), |error| (**error).source()).take(8);
    causes.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}
