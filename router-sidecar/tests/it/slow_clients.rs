//! Clients that stop reading: their answers end all the same, and give back what they hold.

use crate::raw::says;
use crate::rig::{Rig, ask, eventually};
use flotilla_router::serve::{Limits, ListenerLimits};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// An engine whose streams never end. Counts those that nobody takes any more.
async fn endless() -> (String, Arc<AtomicUsize>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("http://{}/v1", listener.local_addr().unwrap());
    let given_up = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&given_up);
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let count = Arc::clone(&count);
            tokio::spawn(async move {
                let mut request = [0; 16 * 1024];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nconnection: close\r\n\r\n";
                stream.write_all(head.as_bytes()).await.unwrap();
                let events = says("word ").repeat(1000);
                while stream.write_all(events.as_bytes()).await.is_ok() {}
                count.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    (url, given_up)
}

/// A router with a place for one request at this engine.
async fn router(url: &str, bounds: ListenerLimits) -> Rig {
    let rig = Rig::bounded(Limits::default(), bounds).await;
    rig.apply(&format!(
        "backends: [{{name: api, external: {{baseUrl: '{url}', model: m}}, concurrency: {{maxRequests: 1}}}}]\ndefault: {{backends: [{{name: api}}]}}"
    ));
    rig
}

/// Asks for a stream and reads nothing of it.
async fn asks(rig: &Rig) -> TcpStream {
    let mut client = TcpStream::connect(rig.address).await.unwrap();
    let body = ask("hi", true);
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    client
}

#[tokio::test]
async fn a_client_that_does_not_read_gives_back_its_place_and_its_target() {
    let (url, given_up) = endless().await;
    let bounds = ListenerLimits { write_deadline: Duration::from_millis(200), ..ListenerLimits::default() };
    let rig = router(&url, bounds).await;
    for so_far in 1..=2 {
        let _client = asks(&rig).await;
        eventually("its target is let go", || given_up.load(Ordering::SeqCst) == so_far).await;
        eventually("it is settled", || rig.usage("api").requests == so_far as u64).await;
    }
    // The target was well.
    assert_eq!(rig.usage("api").failed, 0);
}
