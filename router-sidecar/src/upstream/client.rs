//! The pooled HTTP client for targets with TLS or a host name: external APIs.

use super::connection::Tracked;
use super::lookup::Lookup;
use crate::request::Spliced;
use futures::future::BoxFuture;
use http::Uri;
use http_body::Body;
use hyper_rustls::{HttpsConnector, HttpsConnectorBuilder};
use hyper_util::client::legacy::Client;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::client::legacy::connect::dns::GaiResolver;
use hyper_util::rt::{TokioExecutor, TokioTimer};
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tower::Service;

/// Name lookup, TCP and TLS together.
pub(super) const CONNECT_DEADLINE: Duration = Duration::from_secs(5);
/// Engines and providers close idle connections after 5 s (uvicorn) to several minutes; a stale one costs a retry.
pub(super) const IDLE_CONNECTION: Duration = Duration::from_mins(1);
/// A server that had closed a connection says so to the next request on it within a round trip. One that takes longer
/// has read the request, and may have been at work on it.
pub(super) const STALE_WITHIN: Duration = Duration::from_secs(1);
/// Idle connections kept per target.
pub(super) const IDLE_PER_HOST: usize = 64;

pub(super) type BoxError = Box<dyn std::error::Error + Send + Sync>;

/// A client for requests with such bodies.
pub type PooledClient<B> = Client<Deadline<HttpsConnector<HttpConnector<Lookup>>>, B>;
/// The client for targets.
pub type UpstreamClient = PooledClient<Spliced>;

/// Why there is no client.
#[derive(Debug, thiserror::Error)]
#[error("TLS cannot be set up: {0}")]
pub struct ClientError(#[from] rustls::Error);

/// Builds the client for targets: HTTP/1.1, since a stream that stalls must not hold up others on its connection.
///
/// # Errors
/// The TLS library refuses its own defaults.
pub fn client() -> Result<UpstreamClient, ClientError> {
    pooled()
}

/// Builds such a client for any bodies.
///
/// # Errors
/// The TLS library refuses its own defaults.
pub fn pooled<B>() -> Result<PooledClient<B>, ClientError>
where
    B: Body + Send,
    B::Data: Send,
{
    let mut http = HttpConnector::new_with_resolver(Lookup::new(GaiResolver::new()));
    http.enforce_http(false);
    http.set_nodelay(true);
    http.set_connect_timeout(Some(CONNECT_DEADLINE));
    let roots = rustls::RootCertStore { roots: webpki_roots::TLS_SERVER_ROOTS.to_vec() };
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let tls = rustls::ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let https =
        HttpsConnectorBuilder::new().with_tls_config(tls).https_or_http().enable_http1().wrap_connector(http);
    Ok(Client::builder(TokioExecutor::new())
        .pool_timer(TokioTimer::new())
        .pool_idle_timeout(IDLE_CONNECTION)
        .pool_max_idle_per_host(IDLE_PER_HOST)
        .build(Deadline { inner: https }))
}

/// A connector with a deadline on all of its steps, whose connections remember whether they have answered.
#[derive(Debug, Clone)]
pub struct Deadline<C> {
    inner: C,
}

impl<C> Service<Uri> for Deadline<C>
where
    C: Service<Uri, Error = BoxError>,
    C::Response: Send + 'static,
    C::Future: Send + 'static,
{
    type Response = Tracked<C::Response>;
    type Error = BoxError;
    type Future = BoxFuture<'static, Result<Self::Response, BoxError>>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), BoxError>> {
        self.inner.poll_ready(cx)
    }

    fn call(&mut self, target: Uri) -> Self::Future {
        let connecting = self.inner.call(target);
        Box::pin(async move { Ok(Tracked::new(tokio::time::timeout(CONNECT_DEADLINE, connecting).await??)) })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::upstream::connection::Answered;
    use http::Request;
    use http_body_util::{BodyExt, Empty};
    use rustls_pki_types::PrivateKeyDer;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    use tokio::net::TcpListener;
    use tokio_rustls::TlsAcceptor;

    /// Both sides of TLS for `localhost`.
    fn tls() -> (rustls::ServerConfig, rustls::ClientConfig) {
        let made = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
        let certificate = made.cert.der().clone();
        let key = PrivateKeyDer::try_from(made.signing_key.serialize_der()).unwrap();
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let server = rustls::ServerConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.clone()], key)
            .unwrap();
        let mut roots = rustls::RootCertStore::empty();
        roots.add(certificate).unwrap();
        let client = rustls::ClientConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_root_certificates(roots)
            .with_no_client_auth();
        (server, client)
    }

    #[tokio::test]
    async fn a_connection_that_is_closed_without_the_word_for_it_is_stale_all_the_same() {
        let (server, tls) = tls();
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let port = listener.local_addr().unwrap().port();
        tokio::spawn(async move {
            let (stream, _) = listener.accept().await.unwrap();
            let mut stream = TlsAcceptor::from(Arc::new(server)).accept(stream).await.unwrap();
            let mut request = [0; 4096];
            assert!(stream.read(&mut request).await.unwrap() > 0);
            stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok").await.unwrap();
            assert!(stream.read(&mut request).await.unwrap() > 0);
            // Dropped without TLS's `close_notify`, as many servers do.
        });
        let mut http = HttpConnector::new_with_resolver(Lookup::new(GaiResolver::new()));
        http.enforce_http(false);
        let https = HttpsConnectorBuilder::new()
            .with_tls_config(tls)
            .https_only()
            .enable_http1()
            .wrap_connector(http);
        let client = Client::builder(TokioExecutor::new()).build(Deadline { inner: https });
        let request =
            || Request::get(format!("https://localhost:{port}/")).body(Empty::<bytes::Bytes>::new()).unwrap();
        let answer = client.request(request()).await.unwrap();
        Answered::mark(&answer);
        assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "ok");
        let error = client.request(request()).await.unwrap_err();
        assert!(Answered::was_stale(&error), "{error:?}");
    }
}
