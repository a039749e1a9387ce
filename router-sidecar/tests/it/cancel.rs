//! A client that leaves takes its upstream with it at once.
//!
//! The clock stands still in these tests, so no timer of the router can have done it: what follows from the client's
//! leaving follows from nothing else.

use crate::rig::{Rig, ask, eventually};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio::time::Instant;

/// While this is held, a paused clock does not jump to the next timer when all tasks wait for sockets. It lets go by
/// itself after a while, which ends a test that fails.
fn stop_the_clock() -> std::sync::mpsc::Sender<()> {
    let (hold, held) = std::sync::mpsc::channel();
    tokio::task::spawn_blocking(move || held.recv_timeout(Duration::from_secs(20)));
    hold
}

/// By address the router's own connections are taken, by name those of the library.
const HOSTS: [&str; 2] = ["127.0.0.1", "localhost"];

async fn request(host: &str, stream: bool) -> (TcpListener, Rig, TcpStream) {
    request_by("http", host, stream).await
}

async fn request_by(scheme: &str, host: &str, stream: bool) -> (TcpListener, Rig, TcpStream) {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let url = format!("{scheme}://{host}:{}/v1", listener.local_addr().unwrap().port());
    let rig = Rig::start(&format!(
        "backends: [{{name: api, external: {{baseUrl: '{url}', model: m, pricing: {{input: '2.50', output: '10'}}}}}}]\ndefault: {{backends: [{{name: api}}]}}\nbudgets: [{{name: all, per: Month, tokens: 5000}}]"
    ))
    .await;
    let body = ask("hi", stream);
    let mut client = TcpStream::connect(rig.address).await.unwrap();
    let head =
        format!("POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n", body.len());
    client.write_all(format!("{head}{body}").as_bytes()).await.unwrap();
    (listener, rig, client)
}

/// Reads until something is there.
async fn read_until(socket: &mut TcpStream, what: &str) {
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains(what) {
        assert!(socket.read_buf(&mut seen).await.unwrap() > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn before_the_answer() {
    for (host, stream) in HOSTS.into_iter().flat_map(|host| [(host, true), (host, false)]) {
        let _clock = stop_the_clock();
        let begun = Instant::now();
        let (listener, rig, client) = request(host, stream).await;
        let (mut upstream, _) = listener.accept().await.unwrap();
        read_until(&mut upstream, "\"hi\"").await;
        drop(client);
        // Whatever is left of the request, then the end.
        let mut rest = Vec::new();
        let _ = upstream.read_to_end(&mut rest).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        while rig.usage("api").requests == 0 {
            tokio::task::yield_now().await;
        }
        assert_eq!(rig.usage("api").failed, 0);
        // It was at work on the prompt.
        assert!(rig.usage("api").prompt_tokens > 0, "{host}, streamed: {stream}");
    }
}

#[tokio::test(start_paused = true)]
async fn while_the_connection_is_being_made() {
    for stream in [true, false] {
        let _clock = stop_the_clock();
        let (listener, rig, client) = request_by("https", "localhost", stream).await;
        // It takes the connection, and says nothing of TLS.
        let (mut upstream, _) = listener.accept().await.unwrap();
        assert!(upstream.read(&mut [0; 64]).await.unwrap() > 0);
        drop(client);
        while rig.usage("api").requests == 0 {
            tokio::task::yield_now().await;
        }
        // Nothing of the request has left: nobody was at work on it.
        let usage = rig.usage("api");
        assert_eq!((usage.failed, usage.prompt_tokens, usage.cost.0), (0, 0, 0), "streamed: {stream}");
        let taken = rig.router.store.current().unwrap().policies[0].budgets[0].purses.of(None).taken();
        assert_eq!(taken, 0, "streamed: {stream}");
        let estimated = r#"estimated_total{backend="api",policy="team/assistant"} 0"#;
        assert!(rig.metrics().await.contains(estimated), "streamed: {stream}");
    }
}

#[tokio::test(start_paused = true)]
async fn in_the_middle_of_a_stream() {
    for host in HOSTS {
        let clock = stop_the_clock();
        let begun = Instant::now();
        let (listener, rig, mut client) = request(host, true).await;
        let (mut upstream, _) = listener.accept().await.unwrap();
        read_until(&mut upstream, "\"hi\"").await;
        let event = "data: {\"choices\":[{\"index\":0,\"delta\":{\"content\":\"first\"}}]}\n\n";
        let head = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n";
        upstream.write_all(format!("{head}{:x}\r\n{event}\r\n", event.len()).as_bytes()).await.unwrap();
        read_until(&mut client, "first").await;
        drop(client);
        let mut rest = Vec::new();
        let _ = upstream.read_to_end(&mut rest).await;
        assert_eq!(begun.elapsed(), Duration::ZERO);
        drop(clock);
        eventually("it is settled", || rig.usage("api").requests == 1).await;
        assert_eq!((rig.usage("api").failed, rig.usage("api").completion_tokens), (0, 1));
    }
}
