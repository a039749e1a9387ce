//! Reaching the operator: TCP, TLS with its own certificate authority, HTTP/2.

use super::StreamError;
use bytes::Bytes;
use futures::channel::mpsc;
use http::{HeaderValue, Method, Request, StatusCode, Uri, header};
use http_body_util::StreamBody;
use hyper::body::{Frame, Incoming};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustls_pki_types::pem::PemObject;
use rustls_pki_types::{CertificateDer, ServerName};
use std::convert::Infallible;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_util::task::AbortOnDropHandle;

/// TCP, TLS and the answer's headers, each.
const STEP_DEADLINE: Duration = Duration::from_secs(10);
/// Messages under way to the operator; more means that it does not read.
const UP_QUEUE: usize = 8;

/// Where the operator is and how it is known.
#[derive(Clone)]
pub struct Endpoint {
    authority: String,
    stream: Uri,
    name: ServerName<'static>,
    tls: Arc<rustls::ClientConfig>,
    token_file: PathBuf,
}

/// Why the operator's address is unusable.
#[derive(Debug, thiserror::Error)]
pub enum EndpointError {
    /// Not `https://host:port`.
    #[error("the operator's address {0:?} is not https://host or https://host:port")]
    Url(String),
    /// No certificate authority in the PEM text.
    #[error(
        "the operator's certificate authority is unreadable: give a PEM file with at least one certificate"
    )]
    Authority,
    /// TLS refuses the certificate authority.
    #[error("the operator's certificate authority is not usable: {0}")]
    Tls(#[from] rustls::Error),
}

/// The messages that go up.
type Up = StreamBody<mpsc::Receiver<Result<Frame<Bytes>, Infallible>>>;

/// An open stream. Dropping it closes the connection.
pub(super) struct Stream {
    pub(super) up: mpsc::Sender<Result<Frame<Bytes>, Infallible>>,
    pub(super) down: Incoming,
    pub(super) connection: AbortOnDropHandle<()>,
}

impl std::fmt::Debug for Endpoint {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Endpoint").field("stream", &self.stream).finish_non_exhaustive()
    }
}

impl Endpoint {
    /// The operator at `url`, known by the certificate authority in `authority_pem`; the token is read from its
    /// file at every connection, since kubelets renew it there.
    ///
    /// # Errors
    /// The address or the certificate authority is unusable.
    pub fn new(url: &str, authority_pem: &str, token_file: PathBuf) -> Result<Self, EndpointError> {
        let wrong = || EndpointError::Url(url.to_owned());
        let uri: Uri = url.parse().map_err(|_| wrong())?;
        if uri.scheme_str() != Some("https") || uri.query().is_some() || uri.path() != "/" {
            return Err(wrong());
        }
        let host = uri.host().ok_or_else(wrong)?;
        let port = uri.port_u16().unwrap_or(443);
        let path = flotilla_crds::router_config::STREAM_PATH;
        let name = ServerName::try_from(host.trim_matches(['[', ']']).to_owned()).map_err(|_| wrong())?;
        Ok(Self {
            authority: format!("{host}:{port}"),
            stream: format!("https://{host}:{port}{path}").parse().map_err(|_| wrong())?,
            name,
            tls: Arc::new(tls(authority_pem)?),
            token_file,
        })
    }

    /// Opens a stream.
    pub(super) async fn open(&self) -> Result<Stream, StreamError> {
        let authorization = self.authorization().await?;
        let tcp = within("the TCP connection", TcpStream::connect(&self.authority)).await??;
        tcp.set_nodelay(true)?;
        let connector = TlsConnector::from(Arc::clone(&self.tls));
        let tls = within("the TLS handshake", connector.connect(self.name.clone(), tcp)).await??;
        let handshake =
            hyper::client::conn::http2::handshake::<_, _, Up>(TokioExecutor::new(), TokioIo::new(tls));
        let (mut sender, connection) = within("the HTTP/2 handshake", handshake).await??;
        let connection = AbortOnDropHandle::new(tokio::spawn(async move {
            if let Err(error) = connection.await {
                tracing::debug!(%error, "the connection to the operator ended");
            }
        }));
        let (up, messages) = mpsc::channel(UP_QUEUE);
        let mut request = Request::new(StreamBody::new(messages));
        *request.method_mut() = Method::POST;
        *request.uri_mut() = self.stream.clone();
        request.headers_mut().insert(header::AUTHORIZATION, authorization);
        request.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/x-ndjson"));
        let response = within("the operator's answer", sender.send_request(request)).await??;
        match response.status() {
            StatusCode::OK => Ok(Stream { up, down: response.into_body(), connection }),
            status => Err(StreamError::Status(status)),
        }
    }

    async fn authorization(&self) -> Result<HeaderValue, StreamError> {
        let path = &self.token_file;
        let token = tokio::fs::read_to_string(path)
            .await
            .map_err(|source| StreamError::Token { path: path.clone(), source })?;
        let mut value = HeaderValue::try_from(format!("Bearer {}", token.trim()))
            .map_err(|_| StreamError::TokenValue(path.clone()))?;
        value.set_sensitive(true);
        Ok(value)
    }
}

fn tls(authority_pem: &str) -> Result<rustls::ClientConfig, EndpointError> {
    let mut roots = rustls::RootCertStore::empty();
    for certificate in CertificateDer::pem_slice_iter(authority_pem.as_bytes()) {
        roots.add(certificate.map_err(|_| EndpointError::Authority)?)?;
    }
    if roots.is_empty() {
        return Err(EndpointError::Authority);
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    config.alpn_protocols = vec![b"h2".to_vec()];
    Ok(config)
}

async fn within<T>(step: &'static str, future: impl Future<Output = T>) -> Result<T, StreamError> {
    let limit = STEP_DEADLINE;
    tokio::time::timeout(limit, future).await.map_err(|_| StreamError::Deadline { step, limit })
}
