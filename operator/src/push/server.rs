//! The operator's HTTPS port: router streams and the webhook, HTTP/2 and HTTP/1.1.

use crate::tls::CertResolver;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use rustls::ServerConfig;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_rustls::TlsAcceptor;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// A TLS handshake takes no longer.
const HANDSHAKE_DEADLINE: Duration = Duration::from_secs(10);
/// How long connections may finish after the shutdown began.
const DRAIN_DEADLINE: Duration = Duration::from_secs(5);
/// Connections at once: 500 routers many times over, and the API server's.
const CONNECTIONS: usize = 8192;

/// Why the port does not serve.
#[derive(Debug, thiserror::Error)]
pub enum HttpsError {
    /// The address is taken or not ours.
    #[error("could not listen on {address}: {source}")]
    Bind {
        /// The address asked for.
        address: SocketAddr,
        /// What the system said.
        source: std::io::Error,
    },
    /// rustls refuses its own defaults; cannot happen with one provider installed.
    #[error("TLS cannot be set up: {0}")]
    Tls(#[from] rustls::Error),
}

/// Serves until `shutdown`, then lets connections finish for a moment.
pub async fn serve(
    address: SocketAddr,
    certificates: Arc<CertResolver>,
    routes: axum::Router,
    shutdown: CancellationToken,
) -> Result<(), HttpsError> {
    let listener = TcpListener::bind(address).await.map_err(|source| HttpsError::Bind { address, source })?;
    let acceptor = TlsAcceptor::from(Arc::new(tls_config(certificates)?));
    let permits = Arc::new(Semaphore::new(CONNECTIONS));
    let connections = TaskTracker::new();
    loop {
        let accepted = tokio::select! {
            () = shutdown.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        let Ok((stream, _)) = accepted else {
            // Out of descriptors, or the peer was gone already: neither ends the server.
            tokio::time::sleep(Duration::from_millis(50)).await;
            continue;
        };
        let Ok(permit) = permits.clone().try_acquire_owned() else {
            tracing::warn!(limit = CONNECTIONS, "too many connections; one was dropped");
            continue;
        };
        let (acceptor, routes, shutdown) = (acceptor.clone(), routes.clone(), shutdown.clone());
        connections.spawn(async move {
            connection(stream, acceptor, routes, shutdown).await;
            drop(permit);
        });
    }
    connections.close();
    let _ = tokio::time::timeout(DRAIN_DEADLINE, connections.wait()).await;
    Ok(())
}

fn tls_config(certificates: Arc<CertResolver>) -> Result<ServerConfig, rustls::Error> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_cert_resolver(certificates);
    config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
    Ok(config)
}

async fn connection(
    stream: TcpStream,
    acceptor: TlsAcceptor,
    routes: axum::Router,
    shutdown: CancellationToken,
) {
    // Without it small messages wait for the peer's delayed acknowledgement.
    let _ = stream.set_nodelay(true);
    let Ok(Ok(stream)) = tokio::time::timeout(HANDSHAKE_DEADLINE, acceptor.accept(stream)).await else {
        return;
    };
    let mut builder = Builder::new(TokioExecutor::new());
    builder.http1().timer(TokioTimer::new()).header_read_timeout(HANDSHAKE_DEADLINE);
    builder
        .http2()
        .timer(TokioTimer::new())
        .keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .max_concurrent_streams(64);
    let serving = builder.serve_connection(TokioIo::new(stream), TowerToHyperService::new(routes));
    tokio::pin!(serving);
    let result = tokio::select! {
        result = serving.as_mut() => result,
        () = shutdown.cancelled() => {
            serving.as_mut().graceful_shutdown();
            serving.await
        }
    };
    if let Err(error) = result {
        tracing::debug!(%error, "a connection ended");
    }
}
