//! A file behind an https:// URL, with an authority that only this test knows.

use crate::rig::{Rig, model};
use flotilla_fake_hub::{Contents, Options as HubOptions};
use flotilla_model_fetcher::UsageError;
use flotilla_model_source::report::Cause;
use rustls::ServerConfig;
use rustls_pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_util::task::AbortOnDropHandle;

/// TLS in front of a hub.
struct Tls {
    port: u16,
    pem: String,
    _task: AbortOnDropHandle<()>,
}

async fn tls(hub: SocketAddr) -> Tls {
    let identity = rcgen::generate_simple_self_signed(["localhost".to_owned()]).unwrap();
    let key = PrivateKeyDer::Pkcs8(PrivatePkcs8KeyDer::from(identity.signing_key.serialize_der()));
    let config = ServerConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
        .with_safe_default_protocol_versions()
        .unwrap()
        .with_no_client_auth()
        .with_single_cert(vec![identity.cert.der().clone()], key)
        .unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let task = tokio::spawn(async move {
        let mut connections = tokio::task::JoinSet::new();
        while let Ok((stream, _)) = listener.accept().await {
            let acceptor = acceptor.clone();
            connections.spawn(async move {
                let Ok(mut client) = acceptor.accept(stream).await else { return };
                let mut server = TcpStream::connect(hub).await.unwrap();
                let _ = tokio::io::copy_bidirectional(&mut client, &mut server).await;
            });
        }
    });
    Tls { port, pem: identity.cert.pem(), _task: AbortOnDropHandle::new(task) }
}

#[tokio::test]
async fn a_web_server_is_asked_with_the_token_and_trusted_by_its_authority() {
    let options = HubOptions { token: Some("t0ken".to_owned()), ..HubOptions::default() };
    let rig = Rig::new(options, Contents::default().with("m.gguf", model(1))).await;
    let tls = tls(rig.hub.address).await;
    let source = format!("https://localhost:{}/files/m.gguf?sig=secret", tls.port);

    let error = rig.fetch(&source, &["--token", "t0ken"]).await.unwrap_err();
    assert_eq!(error.cause(), Cause::Interrupted, "{error}");
    assert!(error.to_string().contains("certificate") && !error.to_string().contains("secret"), "{error}");
    // It begins with dashes, as a flag does.
    let authority = format!("--ca-pem={}", tls.pem);
    let error = rig.fetch(&source, &[&authority]).await.unwrap_err();
    assert_eq!(error.cause(), Cause::Unauthorized, "{error}");

    rig.fetch(&source, &["--token", "t0ken", &authority]).await.unwrap();
    rig.assert_holds("m.gguf", &model(1));
}

#[tokio::test]
async fn authorities_that_are_none_are_refused() {
    let rig = Rig::with_model().await;
    let error = rig.job("https://localhost/m.gguf", &["--ca-pem", "none"]).err().unwrap();
    assert!(matches!(error, UsageError::Client(_)), "{error}");
}
