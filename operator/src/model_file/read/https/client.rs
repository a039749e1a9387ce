//! The HTTP client.

use bytes::Bytes;
use http_body_util::Empty;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::sync::Arc;
use std::time::Duration;

/// A few reads of a file follow each other at once; nothing is kept for longer.
const IDLE_CONNECTION: Duration = Duration::from_secs(10);
const IDLE_PER_HOST: usize = 4;
/// Bytes of an answer's head, whose redirects may carry signatures of a few KB.
const MAX_HEAD: usize = 64 << 10;

pub(super) type Body = hyper::body::Incoming;
pub(super) type Response = http::Response<Body>;

/// Connections that files share. Cheap to clone.
#[derive(Clone, Debug)]
pub struct HttpsClient(pub(super) Client<HttpsConnector<HttpConnector>, Empty<Bytes>>);

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct TlsError(#[from] rustls::Error);

impl HttpsClient {
    /// A client that trusts the authorities that browsers trust.
    pub fn new() -> Result<Self, TlsError> {
        let mut http = HttpConnector::new();
        http.enforce_http(false);
        http.set_nodelay(true);
        let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
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
            .pool_idle_timeout(IDLE_CONNECTION)
            .pool_max_idle_per_host(IDLE_PER_HOST)
            .http1_max_buf_size(MAX_HEAD)
            .build(connector);
        Ok(Self(client))
    }
}
