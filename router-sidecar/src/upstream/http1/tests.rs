//! The pool against servers that keep to the protocol more or less.

use super::answer::AnswerPieces;
use super::{Lost, Pool};
use crate::request::{Spliced, splice};
use crate::upstream::client::STALE_WITHIN;
use bytes::Bytes;
use http::{Method, Request, Response, StatusCode};
use std::future::poll_fn;
use std::sync::Arc;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

async fn server() -> (TcpListener, Arc<Pool>) {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let pool = Arc::new(Pool::new(listener.local_addr().unwrap()));
    (listener, pool)
}

fn request(padding: usize) -> Request<Spliced> {
    let body = format!(r#"{{"model":"m","padding":"{}"}}"#, "x".repeat(padding));
    let mut request = Request::new(splice(&body.into(), 9..12, Bytes::from_static(b"\"n\""), None));
    *request.method_mut() = Method::POST;
    *request.uri_mut() = "http://10.0.0.7:8000/v1/chat/completions".parse().unwrap();
    request
}

async fn send(pool: &Arc<Pool>) -> Result<Response<AnswerPieces>, Lost> {
    pool.request(|| request(0)).await
}

async fn body(response: Response<AnswerPieces>) -> Result<Vec<u8>, Lost> {
    let (mut pieces, mut all) = (response.into_body(), Vec::new());
    while let Some(piece) = poll_fn(|cx| pieces.poll_piece(cx)).await {
        all.extend_from_slice(&piece?);
    }
    assert!(pieces.is_done());
    Ok(all)
}

async fn answered(pool: &Arc<Pool>) -> Vec<u8> {
    body(send(pool).await.unwrap()).await.unwrap()
}

/// Reads one request with its body.
async fn hear(stream: &mut TcpStream) -> Vec<u8> {
    let mut seen = Vec::new();
    loop {
        assert!(stream.read_buf(&mut seen).await.unwrap() > 0, "the request broke off");
        let text = String::from_utf8_lossy(&seen);
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")).unwrap();
            if body.len() == length.parse::<usize>().unwrap() {
                return seen;
            }
        }
    }
}

async fn say(stream: &mut TcpStream, text: &str) {
    stream.write_all(text.as_bytes()).await.unwrap();
}

/// Answers one request.
async fn answer_one(stream: &mut TcpStream) {
    hear(stream).await;
    say(stream, OK).await;
}

#[tokio::test]
async fn a_connection_answers_many_requests() {
    let (listener, pool) = server().await;
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        for _ in 0..3 {
            let heard = String::from_utf8(hear(&mut stream).await).unwrap();
            assert!(
                heard.starts_with("POST /v1/chat/completions HTTP/1.1\r\nhost: 10.0.0.7:8000\r\n"),
                "{heard}"
            );
            assert!(heard.ends_with("\r\n\r\n{\"model\":\"n\",\"padding\":\"\"}"), "{heard}");
            say(&mut stream, OK).await;
        }
    });
    for _ in 0..3 {
        assert_eq!(answered(&pool).await, b"ok");
    }
    serving.await.unwrap();
}

#[tokio::test]
async fn a_connection_that_is_closed_when_it_is_used_again_costs_no_answer() {
    let (listener, pool) = server().await;
    let serving = tokio::spawn(async move {
        // Closes as soon as it is asked again, as a server does whose patience ended just then.
        let (mut stream, _) = listener.accept().await.unwrap();
        answer_one(&mut stream).await;
        hear(&mut stream).await;
        drop(stream);
        let (mut stream, _) = listener.accept().await.unwrap();
        answer_one(&mut stream).await;
        // And one that is closed while nobody asks.
        drop(stream);
        let (mut stream, _) = listener.accept().await.unwrap();
        answer_one(&mut stream).await;
    });
    for _ in 0..3 {
        assert_eq!(answered(&pool).await, b"ok");
    }
    serving.await.unwrap();
}

#[tokio::test]
async fn who_worked_on_a_request_before_closing_does_not_get_it_again() {
    let (listener, pool) = server().await;
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        answer_one(&mut stream).await;
        hear(&mut stream).await;
        tokio::time::sleep(STALE_WITHIN).await;
        drop(stream);
        tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await.is_err()
    });
    assert_eq!(answered(&pool).await, b"ok");
    assert!(matches!(send(&pool).await, Err(Lost::Broken(_))));
    assert!(serving.await.unwrap(), "it was sent again");
}

#[tokio::test]
async fn what_breaks_on_a_new_connection_or_within_an_answer_is_not_sent_again() {
    let (listener, pool) = server().await;
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        hear(&mut stream).await;
        drop(stream);
        let (mut stream, _) = listener.accept().await.unwrap();
        answer_one(&mut stream).await;
        hear(&mut stream).await;
        say(&mut stream, "HTTP/1.1 200 O").await;
        drop(stream);
        listener
    });
    assert!(matches!(send(&pool).await, Err(Lost::Broken(_))));
    assert_eq!(answered(&pool).await, b"ok");
    assert!(matches!(send(&pool).await, Err(Lost::Broken(_))));
    // A fourth request would have come on a connection of its own.
    let listener = serving.await.unwrap();
    let none = tokio::time::timeout(std::time::Duration::from_millis(50), listener.accept()).await;
    assert!(none.is_err());
    drop(listener);
    assert!(matches!(send(&pool).await, Err(Lost::Connect(_))));
}

#[tokio::test]
async fn a_refusal_counts_although_the_request_was_not_read() {
    let (listener, pool) = server().await;
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        let mut some = [0; 100];
        stream.read_exact(&mut some).await.unwrap();
        say(&mut stream, "HTTP/1.1 413 Payload Too Large\r\ncontent-length: 5\r\n\r\nlarge").await;
        // Held until the client has gone: closing with unread bytes would take the answer back.
        let mut rest = Vec::new();
        drop(stream.read_to_end(&mut rest).await);
    });
    let response = pool.request(|| request(32 * 1024 * 1024)).await.unwrap();
    assert_eq!(response.status(), StatusCode::PAYLOAD_TOO_LARGE);
    assert_eq!(body(response).await.unwrap(), b"large");
    serving.await.unwrap();
}

#[tokio::test]
async fn a_long_request_comes_whole_to_a_server_that_takes_its_time() {
    let (listener, pool) = server().await;
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        // An early answer that refuses nothing stops nothing.
        say(&mut stream, "HTTP/1.1 103 Early Hints\r\n\r\n").await;
        let heard = hear(&mut stream).await;
        say(&mut stream, OK).await;
        heard.len()
    });
    let response = pool.request(|| request(4 * 1024 * 1024)).await.unwrap();
    assert_eq!(body(response).await.unwrap(), b"ok");
    assert!(serving.await.unwrap() > 4 * 1024 * 1024);
}

#[tokio::test]
async fn interim_answers_are_passed_over_and_another_protocol_is_not_taken_up() {
    let (listener, pool) = server().await;
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        hear(&mut stream).await;
        say(&mut stream, "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n").await;
        say(&mut stream, OK).await;
        hear(&mut stream).await;
        say(&mut stream, "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\n\r\n").await;
        drop(stream);
        let (mut stream, _) = listener.accept().await.unwrap();
        hear(&mut stream).await;
        say(&mut stream, &"HTTP/1.1 100 Continue\r\n\r\n".repeat(1000)).await;
    });
    assert_eq!(answered(&pool).await, b"ok");
    assert!(matches!(send(&pool).await, Err(Lost::Invalid(_))));
    assert!(matches!(send(&pool).await, Err(Lost::Invalid(_))));
    serving.await.unwrap();
}

#[tokio::test]
async fn bytes_that_nobody_asked_for_are_no_answer_to_the_next_request() {
    let (listener, pool) = server().await;
    let serving = tokio::spawn(async move {
        for answer in [
            // More than the length; the end of chunks, and more; no end but the connection's.
            &format!("{OK}{OK}"),
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\n\r\nok",
            "HTTP/1.1 200 OK\r\ncontent-length: 2\r\nconnection: close\r\n\r\nok",
            OK,
        ] {
            let (mut stream, _) = listener.accept().await.unwrap();
            hear(&mut stream).await;
            say(&mut stream, answer).await;
        }
    });
    for _ in 0..5 {
        assert_eq!(answered(&pool).await, b"ok");
    }
    serving.await.unwrap();
}

#[tokio::test]
async fn an_answer_that_is_cut_off_is_told_from_one_that_ends() {
    let (listener, pool) = server().await;
    let serving = tokio::spawn(async move {
        for answer in [
            "HTTP/1.1 200 OK\r\ncontent-length: 3\r\n\r\nok",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n",
            "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n",
        ] {
            let (mut stream, _) = listener.accept().await.unwrap();
            hear(&mut stream).await;
            say(&mut stream, answer).await;
        }
    });
    for _ in 0..3 {
        assert!(matches!(body(send(&pool).await.unwrap()).await, Err(Lost::Broken(_))));
    }
    serving.await.unwrap();
}

#[tokio::test]
async fn who_stops_listening_hangs_up() {
    let (listener, pool) = server().await;
    let serving = tokio::spawn(async move {
        let (mut stream, _) = listener.accept().await.unwrap();
        hear(&mut stream).await;
        say(&mut stream, "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n").await;
        // The end of the connection, in peace or by a reset.
        stream.read(&mut [0; 1]).await.unwrap_or(0)
    });
    let mut pieces = send(&pool).await.unwrap().into_body();
    let piece = poll_fn(|cx| pieces.poll_piece(cx)).await.unwrap().unwrap();
    assert_eq!(piece, "ok");
    drop(pieces);
    assert_eq!(serving.await.unwrap(), 0);
}
