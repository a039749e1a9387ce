//! The HTTP client that all remote files are read with.

use super::lookup::Lookup;
use crate::internal_hosts::InternalHosts;
use bytes::Bytes;
use http_body_util::Empty;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use rustls::RootCertStore;
use rustls_pki_types::{CertificateDer, pem::PemObject as _};
use std::sync::Arc;
use std::time::Duration;

/// Name lookup and TCP.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Idle connections kept per host.
const IDLE_PER_HOST: usize = 4;
/// Bytes of an answer's head, whose redirects may carry signatures of a few KB.
const MAX_HEAD: usize = 64 << 10;

/// Requests without a body, over HTTP/1.1 with TLS or without.
pub(super) type HttpClient = Client<HttpsConnector<HttpConnector<Lookup>>, Empty<Bytes>>;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The TLS library refuses its own defaults, or a certificate.
    #[error("TLS to the places of model files cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
    /// The extra authorities cannot be read.
    #[error("the certificate authorities of registries and other sources are no PEM certificates: {0}")]
    Authorities(#[from] rustls_pki_types::pem::Error),
}

/// A client that trusts the authorities that browsers trust and those in `extra_pem`, connects to no name that leads
/// to one of `hosts`, and keeps a connection without work for `idle`.
///
/// # Errors
/// The TLS library refuses its own defaults, or there are no certificates in `extra_pem`.
pub(super) fn client(
    extra_pem: Option<&[u8]>,
    hosts: Arc<InternalHosts>,
    idle: Duration,
) -> Result<HttpClient, ClientError> {
    let mut roots = RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    for certificate in extra_pem.into_iter().flat_map(CertificateDer::pem_slice_iter) {
        roots.add(certificate?)?;
    }
    let mut http = HttpConnector::new_with_resolver(Lookup::new(hosts));
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT_DEADLINE));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let connector =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(idle)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .http1_max_buf_size(MAX_HEAD)
        .build(connector))
}
