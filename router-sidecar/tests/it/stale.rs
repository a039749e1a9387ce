//! Connections that were kept and are closed when they are used again.

use crate::rig::{Rig, ask};
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Answers the first request of each connection, and closes it so long after it has read the second; counts requests.
async fn closing(after: Duration) -> (SocketAddr, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let asked = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&asked);
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            tokio::spawn(serve(stream, Arc::clone(&count), after));
        }
    });
    (address, asked)
}

async fn serve(mut stream: TcpStream, asked: Arc<AtomicUsize>, after: Duration) {
    let mut request = [0; 16 * 1024];
    for answer in ["HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}", ""] {
        if stream.read(&mut request).await.unwrap_or(0) == 0 {
            return;
        }
        asked.fetch_add(1, Ordering::SeqCst);
        stream.write_all(answer.as_bytes()).await.unwrap();
    }
    tokio::time::sleep(after).await;
}

/// By address the router's own connections are taken, by name those of the library.
const HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];

async fn rig(host: &str, address: SocketAddr) -> Rig {
    let url = format!("http://{host}:{}/v1", address.port());
    Rig::start(&format!(
        "backends:\n- {{name: api, external: {{baseUrl: '{url}', model: m}}}}\ndefault: {{backends: [{{name: api}}]}}"
    ))
    .await
}

#[tokio::test]
async fn a_request_that_met_one_is_sent_again() {
    for host in HOSTS {
        let (address, asked) = closing(Duration::ZERO).await;
        let rig = rig(host, address).await;
        for _ in 0..5 {
            assert_eq!(rig.chat(ask("hi", false)).await.status, 200, "{host}");
        }
        assert!(asked.load(Ordering::SeqCst) > 5, "{host}: none was met");
        assert_eq!(rig.usage("api").failed, 0, "{host}");
    }
}

#[tokio::test]
async fn a_request_that_was_worked_on_is_not() {
    for host in HOSTS {
        let (address, asked) = closing(Duration::from_millis(1100)).await;
        let rig = rig(host, address).await;
        assert_eq!(rig.chat(ask("hi", false)).await.status, 200, "{host}");
        assert_eq!(rig.chat(ask("hi", false)).await.code(), "upstream_error", "{host}");
        assert_eq!((asked.load(Ordering::SeqCst), rig.usage("api").failed), (2, 1), "{host}");
    }
}
