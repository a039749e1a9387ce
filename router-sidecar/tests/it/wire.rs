//! Clients that speak HTTP in other ways than most, byte for byte; and what targets say that is not for clients.

use crate::raw::Raw;
use crate::rig::{Rig, ask, engine, fleet};
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;

fn policy(pod: SocketAddr) -> String {
    format!("backends:\n{}\ndefault: {{backends: [{{name: pods}}]}}", fleet("pods", &[pod]))
}

/// The bytes of a chat.
fn post(version: &str, headers: &str, body: &str) -> String {
    let length = body.len();
    format!(
        "POST /v1/chat/completions HTTP/{version}\r\nhost: x\r\ncontent-length: {length}\r\n{headers}\r\n{body}"
    )
}

/// All that the router says until it closes the connection.
async fn all(mut stream: TcpStream) -> String {
    let mut answer = Vec::new();
    let reading = tokio::time::timeout(Duration::from_secs(10), stream.read_to_end(&mut answer));
    assert!(reading.await.is_ok_and(|read| read.is_ok()), "{}", String::from_utf8_lossy(&answer));
    String::from_utf8(answer).unwrap()
}

async fn says(rig: &Rig, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    all(stream).await
}

#[tokio::test]
async fn a_client_of_http_1_0_gets_its_answers_and_the_end_of_the_connection() {
    let pod = engine().await;
    let rig = Rig::start(&policy(pod.address)).await;
    let whole = says(&rig, post("1.0", "", &ask("hi", false)).as_bytes()).await;
    assert!(whole.starts_with("HTTP/1.0 200") && whole.ends_with('}'), "{whole}");
    let stream = says(&rig, post("1.0", "", &ask("hi", true)).as_bytes()).await;
    assert!(stream.starts_with("HTTP/1.0 200") && stream.ends_with("data: [DONE]\n\n"), "{stream}");
    assert!(!stream.to_lowercase().contains("transfer-encoding"), "{stream}");
}

#[tokio::test]
async fn a_client_that_waits_until_its_body_is_wanted_is_told_to_go_on() {
    let pod = engine().await;
    let rig = Rig::start(&policy(pod.address)).await;
    let request = post("1.1", "expect: 100-continue\r\nconnection: close\r\n", &ask("hi", false));
    let (head, body) = request.split_at(request.find("\r\n\r\n").unwrap() + 4);
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let mut go_on = [0; 25];
    stream.read_exact(&mut go_on).await.unwrap();
    assert_eq!(std::str::from_utf8(&go_on).unwrap(), "HTTP/1.1 100 Continue\r\n\r\n");
    stream.write_all(body.as_bytes()).await.unwrap();
    let answer = all(stream).await;
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn requests_that_do_not_wait_for_each_other_are_answered_in_their_order() {
    let pod = engine().await;
    let rig = Rig::start(&policy(pod.address)).await;
    let requests = [
        post("1.1", "", &ask("one", true)),
        post("1.1", "", &ask("two", false)),
        "GET /v1/models HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n".to_owned(),
    ];
    let answers = says(&rig, requests.concat().as_bytes()).await;
    let places: Vec<_> = ["[DONE]", r#""object":"chat.completion""#, r#""object":"list""#]
        .iter()
        .map(|text| answers.find(text).unwrap_or_else(|| panic!("no {text} in {answers}")))
        .collect();
    assert!(places.is_sorted(), "{answers}");
    assert_eq!((answers.matches("HTTP/1.1 200").count(), pod.seen().requests), (3, 2));
}

#[tokio::test]
async fn other_methods_are_refused_and_name_the_right_one() {
    let pod = engine().await;
    let rig = Rig::start(&policy(pod.address)).await;
    for (method, path, allowed) in [
        ("HEAD", "/v1/models", "GET"),
        ("OPTIONS", "/v1/models", "GET"),
        ("HEAD", "/v1/chat/completions", "POST"),
        ("OPTIONS", "/v1/chat/completions", "POST"),
    ] {
        let request = format!("{method} {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
        let answer = says(&rig, request.as_bytes()).await;
        assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
        assert!(answer.contains(&format!("allow: {allowed}\r\n")), "{answer}");
        assert_eq!(answer.ends_with("\r\n\r\n"), method == "HEAD", "{answer}");
    }
    assert_eq!(pod.seen().requests, 0);
}

#[tokio::test]
async fn a_body_that_is_compressed_is_no_json() {
    let pod = engine().await;
    let rig = Rig::start(&policy(pod.address)).await;
    // What gzip begins with.
    let body = [0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 3, 0xab, 0x56];
    let response = rig.post("/v1/chat/completions", &[("content-encoding", "gzip")], body.to_vec()).await;
    let reply = crate::rig::Reply::of(response).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "invalid_json"));
    assert_eq!(pod.seen().requests, 0);
}

#[tokio::test]
async fn what_a_target_says_to_the_router_stays_with_it() {
    let body = r#"{"object":"chat.completion","choices":[]}"#;
    let answer = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\nconnection: keep-alive, x-hop\r\nkeep-alive: timeout=5\r\nx-hop: 1\r\nset-cookie: session=1\r\nstrict-transport-security: max-age=9\r\nalt-svc: h3=\":443\"\r\nx-request-id: 7\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    let pod = Raw::start(answer).await;
    let rig = Rig::start(&policy(pod.address)).await;
    let reply = rig.chat(ask("hi", false)).await;
    assert_eq!((reply.status.as_u16(), reply.header("x-request-id")), (200, "7"));
    for name in ["connection", "keep-alive", "x-hop", "set-cookie", "strict-transport-security", "alt-svc"] {
        assert_eq!(reply.header(name), "", "{name}");
    }
    assert_eq!(&reply.body[..], body.as_bytes());
}
