//! An operator for routers to follow: one config, and leases of budgets that are never spent.
//!
//! It speaks the operator's protocol over TLS and HTTP/2 and grants what a router asks for with some more ahead, as the
//! operator's ledger does while there is enough for all. What budgets cost a router is then what they cost in a cluster.

use anyhow::Context;
use bytes::Bytes;
use flotilla_crds::router_config::{Lease, OperatorMessage, RouterConfig, RouterMessage, STREAM_PATH, Spent};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls::pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::convert::Infallible;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;

/// Granted beyond what is needed: enough for a second of requests.
const AHEAD: u64 = 10_000_000_000;
/// Messages on their way to one router.
const QUEUE: usize = 16;
/// For all routers to have their config in force.
const FOLLOWED: Duration = Duration::from_secs(30);

type Down = StreamBody<Frames>;
type Frames = futures::stream::BoxStream<'static, Result<Frame<Bytes>, Infallible>>;

/// The operator, until it is dropped.
#[derive(Debug)]
pub struct Operator {
    /// Where it is.
    pub url: String,
    /// The certificate authority that it is known by, as a PEM file.
    pub authority: PathBuf,
    /// A token, which it does not look at.
    pub token: PathBuf,
    follow: Arc<AtomicUsize>,
    _server: JoinSet<()>,
}

impl Operator {
    /// Starts one that gives every router this config, YAML.
    ///
    /// # Errors
    /// The config cannot be read, or there is no port.
    pub async fn start(folder: &Path, config: &str) -> anyhow::Result<Self> {
        let config: RouterConfig = serde_saphyr::from_str(config)?;
        let config = OperatorMessage::Config { config: RouterConfig::new(config.policies) };
        let (authority, tls) = certificate()?;
        let listener = TcpListener::bind("127.0.0.1:0").await?;
        let url = format!("https://localhost:{}", listener.local_addr()?.port());
        let (pem, token) = (folder.join("operator.pem"), folder.join("token"));
        std::fs::write(&pem, authority)?;
        std::fs::write(&token, "bench")?;
        let follow = Arc::new(AtomicUsize::new(0));
        let shared = Arc::new(Shared { config: line(&config)?, follow: Arc::clone(&follow) });
        let mut server = JoinSet::new();
        server.spawn(accept(listener, TlsAcceptor::from(Arc::new(tls)), shared));
        Ok(Self { url, authority: pem, token, follow, _server: server })
    }

    /// Waits until so many routers follow the config.
    ///
    /// # Errors
    /// They do not, in time.
    pub async fn followed_by(&self, routers: usize) -> anyhow::Result<()> {
        let all = async {
            while self.follow.load(Ordering::Relaxed) < routers {
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        tokio::time::timeout(FOLLOWED, all).await.context("routers do not follow the bench's operator")
    }
}

/// What all streams share.
struct Shared {
    config: Bytes,
    follow: Arc<AtomicUsize>,
}

/// An authority as PEM, and a server that it vouches for.
fn certificate() -> anyhow::Result<(String, rustls::ServerConfig)> {
    let mut authority = CertificateParams::default();
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate()?)?;
    let key = KeyPair::generate()?;
    let certificate = CertificateParams::new(vec!["localhost".to_owned()])?.signed_by(&key, &authority)?;
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut tls = rustls::ServerConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![certificate.der().clone()], key)?;
    tls.alpn_protocols = vec![b"h2".to_vec()];
    Ok((authority.pem(), tls))
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, shared: Arc<Shared>) {
    let mut connections = JoinSet::new();
    while let Ok((tcp, _)) = listener.accept().await {
        let (tls, shared) = (tls.clone(), Arc::clone(&shared));
        connections.spawn(async move {
            let Ok(tls) = tls.accept(tcp).await else { return };
            let service = service_fn(move |request| {
                let shared = Arc::clone(&shared);
                async move { Ok::<_, Infallible>(stream(request, shared)) }
            });
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            // A router that goes away is no failure.
            drop(http.serve_connection(TokioIo::new(tls), service).await);
        });
    }
}

fn stream(request: Request<Incoming>, shared: Arc<Shared>) -> Response<Down> {
    let (down, mut lines) = mpsc::channel(QUEUE);
    let found = request.uri().path() == STREAM_PATH;
    let frames = futures::stream::poll_fn(move |cx| {
        lines.poll_recv(cx).map(|line| line.map(|line: Bytes| Ok(Frame::data(line))))
    });
    let mut response = Response::new(StreamBody::new(Box::pin(frames) as Frames));
    if found {
        // It ends with the router's stream.
        tokio::spawn(async move {
            if let Err(error) = answer(request.into_body(), &down, &shared).await {
                eprintln!("a router's stream ended: {error}");
            }
        });
    } else {
        *response.status_mut() = StatusCode::NOT_FOUND;
    }
    response
}

/// Answers one router until its stream ends.
async fn answer(mut up: Incoming, down: &mpsc::Sender<Bytes>, shared: &Shared) -> anyhow::Result<()> {
    down.send(shared.config.clone()).await?;
    let mut held = Vec::new();
    while let Some(Ok(frame)) = up.frame().await {
        held.extend_from_slice(&frame.into_data().unwrap_or_default());
        while let Some(end) = held.iter().position(|byte| *byte == b'\n') {
            let text: Vec<u8> = held.drain(..=end).collect();
            match serde_json::from_slice(&text)? {
                RouterMessage::Ack { .. } => {
                    shared.follow.fetch_add(1, Ordering::Relaxed);
                }
                RouterMessage::Refuse { message, .. } => anyhow::bail!("it refused its config: {message}"),
                RouterMessage::Spend { accounts, .. } => {
                    let leases = accounts.into_iter().map(lease).collect();
                    down.send(line(&OperatorMessage::Leases { leases })?).await?;
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// All that is needed, and some more.
fn lease(said: Spent) -> Lease {
    let Spent { account, period, granted, returned, spent, needed } = said;
    let wanted = spent.saturating_add(returned).saturating_add(needed).saturating_add(AHEAD);
    Lease { account, period, granted: granted.max(wanted), exhausted: false }
}

fn line(message: &OperatorMessage) -> anyhow::Result<Bytes> {
    let mut line = serde_json::to_vec(message)?;
    line.push(b'\n');
    Ok(line.into())
}
