//! An operator that does what a test says: TLS, HTTP/2, one stream per connection.

use bytes::Bytes;
use flotilla_crds::router_config::{OperatorMessage, RouterMessage, STREAM_PATH};
use futures::channel::mpsc as frames;
use http::{Request, Response};
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Frame, Incoming};
use hyper::service::service_fn;
use hyper_util::rt::{TokioExecutor, TokioIo};
use rcgen::{BasicConstraints, CertificateParams, CertifiedIssuer, IsCa, KeyPair};
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::convert::Infallible;
use std::sync::Arc;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

type Down = StreamBody<frames::UnboundedReceiver<Result<Frame<Bytes>, Infallible>>>;

pub(crate) struct Operator {
    pub(crate) url: String,
    pub(crate) authority: String,
    streams: mpsc::UnboundedReceiver<Stream>,
    _server: AbortOnDropHandle<()>,
}

/// One router's stream. Dropping it ends it.
pub(crate) struct Stream {
    pub(crate) authorization: String,
    up: mpsc::UnboundedReceiver<RouterMessage>,
    down: frames::UnboundedSender<Result<Frame<Bytes>, Infallible>>,
}

impl Operator {
    pub(crate) async fn start() -> Self {
        let mut authority = CertificateParams::default();
        authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
        let authority = CertifiedIssuer::self_signed(authority, KeyPair::generate().unwrap()).unwrap();
        let key = KeyPair::generate().unwrap();
        let certificate = CertificateParams::new(vec!["localhost".to_owned()])
            .unwrap()
            .signed_by(&key, &authority)
            .unwrap();
        let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(key.serialize_der()));
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let mut tls = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], key)
            .unwrap();
        tls.alpn_protocols = vec![b"h2".to_vec()];
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let url = format!("https://localhost:{}", listener.local_addr().unwrap().port());
        let (found, streams) = mpsc::unbounded_channel();
        let server = tokio::spawn(accept(listener, TlsAcceptor::from(Arc::new(tls)), found));
        Self { url, authority: authority.pem(), streams, _server: AbortOnDropHandle::new(server) }
    }

    /// The next router that opens a stream.
    pub(crate) async fn stream(&mut self) -> Stream {
        self.streams.recv().await.unwrap()
    }
}

impl Stream {
    pub(crate) fn send(&self, message: &OperatorMessage) {
        self.send_raw(&serde_json::to_string(message).unwrap());
    }

    pub(crate) fn send_raw(&self, line: &str) {
        // In two pieces, as a large config would come.
        let line = format!("{line}\n");
        let (one, two) = line.split_at(line.len() / 2);
        for part in [one, two] {
            self.down.unbounded_send(Ok(Frame::data(Bytes::from(part.to_owned())))).unwrap();
        }
    }

    /// The next message, or `None` once the router ended its side.
    pub(crate) async fn next_or_end(&mut self) -> Option<RouterMessage> {
        self.up.recv().await
    }

    pub(crate) async fn next(&mut self) -> RouterMessage {
        self.up.recv().await.unwrap()
    }

    /// The next message that is no report.
    pub(crate) async fn next_answer(&mut self) -> RouterMessage {
        loop {
            match self.next().await {
                RouterMessage::Usage { .. } | RouterMessage::Demand { .. } | RouterMessage::Spend { .. } => {}
                other => return other,
            }
        }
    }
}

async fn accept(listener: TcpListener, tls: TlsAcceptor, found: mpsc::UnboundedSender<Stream>) {
    let mut connections = tokio::task::JoinSet::new();
    loop {
        let (tcp, _) = listener.accept().await.unwrap();
        let (tls, found) = (tls.clone(), found.clone());
        connections.spawn(async move {
            let Ok(tls) = tls.accept(tcp).await else { return };
            let service = service_fn(move |request| {
                let found = found.clone();
                async move { Ok::<_, Infallible>(stream(request, &found)) }
            });
            let http = hyper::server::conn::http2::Builder::new(TokioExecutor::new());
            drop(http.serve_connection(TokioIo::new(tls), service).await);
        });
    }
}

fn stream(request: Request<Incoming>, found: &mpsc::UnboundedSender<Stream>) -> Response<Down> {
    assert_eq!(request.uri().path(), STREAM_PATH);
    let authorization = request.headers()["authorization"].to_str().unwrap().to_owned();
    let (down, frames) = frames::unbounded();
    let (messages, up) = mpsc::unbounded_channel();
    tokio::spawn(async move {
        let (mut body, mut held) = (request.into_body(), Vec::new());
        while let Some(Ok(frame)) = body.frame().await {
            held.extend_from_slice(&frame.into_data().unwrap_or_default());
            while let Some(end) = held.iter().position(|b| *b == b'\n') {
                let line: Vec<u8> = held.drain(..=end).collect();
                if messages.send(serde_json::from_slice(&line).unwrap()).is_err() {
                    return;
                }
            }
        }
    });
    found.send(Stream { authorization, up, down }).unwrap_or_default();
    Response::new(StreamBody::new(frames))
}
