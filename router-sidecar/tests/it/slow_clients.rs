//! Clients that stop reading: their answers end all the same, and give back what they hold.

use crate::raw::says;
use crate::rig::{Rig, ask, eventually};
use flotilla_router::serve::{AnswerBody, Limits, ListenerLimits, Router, data_service, serve};
use http_body_util::BodyExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_util::sync::CancellationToken;

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
    send(&mut client).await;
    client
}

async fn send(client: &mut TcpStream) {
    let body = ask("hi", true);
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
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

/// The answer to a request for a stream, for who reads it as slowly as it likes: no socket's buffer is in between.
async fn answer(rig: &Rig) -> AnswerBody {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let mut client = TcpStream::connect(listener.local_addr().unwrap()).await.unwrap();
    let (give, mut answers) = tokio::sync::mpsc::unbounded_channel();
    let service = move |router: Arc<Router>, request| {
        let give = give.clone();
        async move {
            give.send(data_service(&router, request).await.into_body()).unwrap();
            http::Response::new(AnswerBody::whole(bytes::Bytes::new()))
        }
    };
    let bounds = ListenerLimits::default();
    tokio::spawn(serve(Arc::clone(&rig.router), listener, bounds, service, CancellationToken::new()));
    send(&mut client).await;
    answers.recv().await.unwrap()
}

#[tokio::test]
async fn a_stream_that_is_always_ahead_of_its_client_ends_with_its_time() {
    let (url, given_up) = endless().await;
    let rig = Rig::start(&format!(
        "backends: [{{name: api, external: {{baseUrl: '{url}', model: m}}}}]\ndefault: {{backends: [{{name: api}}]}}\ntimeouts: {{totalMs: 1000}}\nejection: {{consecutiveFailures: 1}}"
    ))
    .await;
    let mut body = answer(&rig).await;
    let mut last = bytes::Bytes::new();
    let reads = async {
        while let Some(frame) = body.frame().await {
            last = frame.unwrap().into_data().unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    assert!(tokio::time::timeout(Duration::from_secs(20), reads).await.is_ok(), "it goes on for ever");
    assert!(String::from_utf8_lossy(&last).contains("upstream_timeout"), "{last:?}");
    eventually("its target is let go", || given_up.load(Ordering::SeqCst) == 1).await;
    drop(body);
    assert_eq!((rig.usage("api").requests, rig.usage("api").failed), (1, 1));
    assert!(!rig.metrics().await.contains("ejections_total{"), "a long answer is no fault");
}
