//! What clients and targets may not do to the router.

use crate::rig::{Rig, ask, engine, eventually, external, fleet, provider};
use flotilla_e2e::provider::{Fault, Script};
use flotilla_router::serve::{Limits, ListenerLimits};
use http_body_util::BodyExt;
use std::net::SocketAddr;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// Sends bytes and reads until the router closes the connection.
async fn raw(address: SocketAddr, bytes: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).await.unwrap();
    // The router may close before it has read all of it.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn a_full_target_leaves_requests_to_the_next_and_then_says_when_to_come_back() {
    let (pod, api) = (engine().await, provider().await);
    pod.script(Script { faults: [Fault::StallAfter(3)].into(), repeat: true, ..Script::default() });
    let small = fleet("small", &[pod.address]).replacen(
        "name: small,",
        "name: small, concurrency: {maxRequests: 1},",
        1,
    );
    let policy = |fallback: &str| {
        format!(
            "backends:\n{small}\n{}\ndefault: {{backends: [{{name: small}}], fallback: [{fallback}]}}",
            external("api", &api)
        )
    };
    let rig = Rig::start(&policy("api")).await;
    let under_way = rig.open(&[], ask("hi", true)).await;
    let reply = rig.chat_with(&[("x-flotilla-explain", "1")], ask("hi", true)).await;
    assert_eq!(reply.backend(), "api");
    assert!(reply.header("x-flotilla-decision").contains("as many requests as the policy allows"));
    // Who is there stays counted when the config changes.
    rig.apply(&policy(""));
    let reply = rig.chat(ask("hi", true)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "overloaded"));
    assert_eq!(reply.header("retry-after"), "2");
    assert_eq!(pod.seen().requests, 1);
    // Nothing failed there, and nothing was tried again.
    let metrics = rig.metrics().await;
    assert!(!metrics.contains("retries_total{"), "{metrics}");
    // When its client leaves, the place is free.
    drop(under_way);
    pod.script(Script::default());
    eventually("the place is free", || rig.usage("small").requests == 1).await;
    assert_eq!(rig.chat(ask("hi", true)).await.backend(), "small");
}

#[tokio::test]
async fn a_request_waits_for_its_place() {
    let pod = engine().await;
    let small = fleet("small", &[pod.address]).replacen(
        "name: small,",
        "name: small, concurrency: {maxRequests: 1, maxQueued: 20},",
        1,
    );
    let rig = Rig::start(&format!("backends:\n{small}\ndefault: {{backends: [{{name: small}}]}}")).await;
    let all = (0..20).map(|n| rig.chat(ask("hi", n % 2 == 0)));
    let replies = futures::future::join_all(all).await;
    assert!(replies.iter().all(|reply| reply.status == 200));
    assert_eq!(pod.seen().requests, 20);
}

#[tokio::test]
async fn a_client_that_leaves_the_queue_gives_its_place_there_to_the_next() {
    let pod = engine().await;
    pod.script(Script { faults: [Fault::StallAfter(3)].into(), ..Script::default() });
    let small = fleet("small", &[pod.address]).replacen(
        "name: small,",
        "name: small, concurrency: {maxRequests: 1, maxQueued: 1, queueTimeoutMs: 60000},",
        1,
    );
    let rig = Rig::start(&format!("backends:\n{small}\ndefault: {{backends: [{{name: small}}]}}")).await;
    let under_way = rig.open(&[], ask("hi", true)).await;
    let waiting = || {
        let demand = flotilla_router::account::demands(&rig.router.store.current().unwrap()).remove(0);
        demand.waiting_prompt_tokens
    };
    {
        // One waits, so that there is no room for another.
        let mut waits = std::pin::pin!(rig.open(&[], ask("left", true)));
        while waiting() == 0 {
            let _ = tokio::time::timeout(Duration::from_millis(5), &mut waits).await;
        }
        assert_eq!(rig.chat(ask("hi", true)).await.code(), "overloaded");
    }
    eventually("who waited has left", || waiting() == 0).await;
    let mut next = std::pin::pin!(rig.chat(ask("next", true)));
    while waiting() == 0 {
        let _ = tokio::time::timeout(Duration::from_millis(5), &mut next).await;
    }
    drop(under_way);
    assert_eq!(next.await.status.as_u16(), 200);
    assert_eq!(pod.seen().requests, 2, "the one that left was sent");
    assert!(String::from_utf8_lossy(&pod.last().body).contains("next"));
}

#[tokio::test]
async fn a_client_with_too_many_connections_is_told_so_and_others_are_not_affected() {
    let bounds = ListenerLimits { connections_per_client: 2, ..ListenerLimits::default() };
    let rig = Rig::bounded(Limits::default(), bounds).await;
    let hold = TcpStream::connect(rig.address).await.unwrap();
    let _hold = TcpStream::connect(rig.address).await.unwrap();
    // Connections are accepted in their order.
    let request = b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 2\r\n\r\n{}";
    let answer = raw(rig.address, request).await;
    assert!(answer.starts_with("HTTP/1.1 429") && answer.contains("too_many_streams"), "{answer}");
    drop(hold);
    // Its place is free once the router has seen it go.
    let mut answer = String::new();
    for _ in 0..1000 {
        answer = raw(rig.address, b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await;
        if answer.starts_with("HTTP/1.1 200") {
            break;
        }
    }
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
}

#[tokio::test]
async fn headers_that_are_too_long_too_slow_or_no_headers_end_the_connection() {
    let bounds = ListenerLimits {
        header_bytes: 16 * 1024,
        header_deadline: Duration::from_millis(50),
        ..ListenerLimits::default()
    };
    let rig = Rig::bounded(Limits::default(), bounds).await;
    let long = format!("GET /healthz HTTP/1.1\r\nx: {}\r\n\r\n", "x".repeat(64 * 1024));
    for (bytes, status) in [
        (long.as_bytes(), "HTTP/1.1 431"),
        (b"\x16\x03\x01\x02\x00", "HTTP/1.1 400"),
        (b"GET /healthz HTTP/1.1\r\nx\x00: y\r\n\r\n", "HTTP/1.1 400"),
        // Never finished: closed without a word.
        (b"POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\n", ""),
    ] {
        let answer = raw(rig.address, bytes).await;
        // A reset may swallow the status, but never is there another one.
        assert!(answer.is_empty() || answer.starts_with(status) && !status.is_empty(), "{answer}");
    }
    assert_eq!(rig.get("/healthz").await.status, 200);
}

#[tokio::test]
async fn a_body_that_never_comes_whole_is_answered() {
    let rig = Rig::bare(Limits { body_deadline: Duration::from_millis(50), ..Limits::default() }).await;
    rig.apply("backends: [{name: a, external: {baseUrl: 'http://127.0.0.1:9/v1', model: m}}]\ndefault: {backends: [{name: a}]}");
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: 100\r\n\r\n{\"model\"";
    let answer = raw(rig.address, head.as_bytes()).await;
    assert!(answer.starts_with("HTTP/1.1 408") && answer.contains("request_timeout"), "{answer}");
}

#[tokio::test]
async fn a_request_whose_time_is_over_before_it_could_be_sent_is_not_sent() {
    let api = provider().await;
    let rig = Rig::start(&format!(
        "backends:\n{}\ndefault: {{backends: [{{name: api}}]}}\ntimeouts: {{totalMs: 300}}",
        external("api", &api)
    ))
    .await;
    let body = ask("hi", false);
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    let mut stream = TcpStream::connect(rig.address).await.unwrap();
    let (begin, rest) = body.split_at(body.len() / 2);
    stream.write_all(format!("{head}{begin}").as_bytes()).await.unwrap();
    eventually("the request has begun", || rig.router.buffered_bytes() > 0).await;
    tokio::time::sleep(Duration::from_millis(400)).await;
    stream.write_all(rest.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 504") && answer.contains("upstream_timeout"), "{answer}");
    assert_eq!((api.seen().requests, rig.usage("api").cost.0), (0, 0));
}

#[tokio::test]
async fn bodies_of_all_clients_together_are_bounded() {
    let api = provider().await;
    let rig = Rig::bare(Limits { buffered: 100_000, ..Limits::default() }).await;
    rig.apply(&format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", external("api", &api)));
    let head = "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: 90000\r\n\r\n";
    let mut slow = TcpStream::connect(rig.address).await.unwrap();
    slow.write_all(format!("{head}{}", "x".repeat(60_000)).as_bytes()).await.unwrap();
    let mut held = 0;
    while held < 60_000 {
        let metrics = rig.metrics().await;
        let line = metrics.lines().find(|l| l.starts_with("flotilla_router_buffered_bytes ")).unwrap();
        held = line.split(' ').nth(1).unwrap().parse().unwrap();
    }
    let large = ask(&"x".repeat(60_000), false);
    let reply = rig.chat(large.clone()).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "router_overloaded"));
    assert_eq!(reply.header("retry-after"), "2");
    // What fits is answered all the same; and everything is, once the other one has gone.
    assert_eq!(rig.chat(ask("hi", true)).await.status, 200);
    drop(slow);
    let mut status = reply.status;
    for _ in 0..1000 {
        status = rig.chat(large.clone()).await.status;
        if status == 200 {
            break;
        }
    }
    assert_eq!(status, 200);
    // A body that has no room even alone is told so.
    let reply = rig.chat(ask(&"x".repeat(200_000), false)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (413, "request_too_large"));
    eventually("nothing is held", || rig.router.buffered_bytes() == 0).await;
}

#[tokio::test]
async fn a_client_that_does_not_read_holds_up_its_target_and_not_the_memory() {
    let api = provider().await;
    // 64 MiB: more than any socket buffers hold.
    let word = format!("{} ", "x".repeat(16 * 1024 - 1));
    let words = 4096;
    api.script(Script { reply: word.repeat(words), ..Script::default() });
    let rig =
        Rig::start(&format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", external("api", &api)))
            .await;
    let mut body = rig.open(&[], ask("hi", true)).await.into_body();
    body.frame().await.unwrap().unwrap();
    // Sent until nothing more is taken: then the count stands still.
    let mut before = u64::MAX;
    while before != api.seen().completion_tokens {
        before = api.seen().completion_tokens;
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(before < words as u64, "all of it was taken in");
    // Nothing is lost either.
    let rest = body.collect().await.unwrap().to_bytes();
    assert!(rest.ends_with(b"data: [DONE]\n\n"));
    assert!(rest.len() > word.len() * (words - 1));
}

#[tokio::test]
async fn a_client_that_leaves_before_the_first_byte_takes_the_upstream_with_it() {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let rig = Rig::start(&format!(
        "backends:\n- {{name: engine, external: {{baseUrl: 'http://{address}/v1', model: m}}}}\ndefault: {{backends: [{{name: engine}}]}}"
    ))
    .await;
    let body = ask("hi", true);
    let mut client = TcpStream::connect(rig.address).await.unwrap();
    let head = format!(
        "POST /v1/chat/completions HTTP/1.1\r\nhost: x\r\ncontent-length: {}\r\n\r\n{body}",
        body.len()
    );
    client.write_all(head.as_bytes()).await.unwrap();
    let (mut upstream, _) = listener.accept().await.unwrap();
    let mut request = vec![0; 64 * 1024];
    assert!(upstream.read(&mut request).await.unwrap() > 0);
    drop(client);
    // Reads what may be left of the request, then the end: while nothing else could have ended it.
    let mut rest = Vec::new();
    tokio::time::timeout(Duration::from_secs(20), upstream.read_to_end(&mut rest)).await.unwrap().unwrap();
    eventually("the request is settled", || rig.usage("engine").requests == 1).await;
    assert_eq!(rig.usage("engine").failed, 0);
}

#[tokio::test]
async fn a_place_that_a_config_adds_is_for_those_who_wait() {
    let pod = engine().await;
    pod.script(Script { faults: [Fault::StallAfter(3), Fault::None].into(), ..Script::default() });
    let policy = |most: u32| {
        let bounds = format!(
            "name: small, concurrency: {{maxRequests: {most}, maxQueued: 1, queueTimeoutMs: 15000}},"
        );
        let small = fleet("small", &[pod.address]).replacen("name: small,", &bounds, 1);
        format!("backends:\n{small}\ndefault: {{backends: [{{name: small}}]}}")
    };
    let rig = Rig::start(&policy(1)).await;
    let _under_way = rig.open(&[], ask("hi", true)).await;
    let waits = rig.chat(ask("hi", true));
    let more = async {
        let waiting = || {
            let demand = flotilla_router::account::demands(&rig.router.store.current().unwrap()).remove(0);
            demand.waiting_prompt_tokens > 0
        };
        eventually("one waits", waiting).await;
        rig.apply(&policy(2));
    };
    let (reply, ()) = tokio::join!(waits, more);
    assert_eq!(reply.status.as_u16(), 200, "{reply:?}");
}

#[tokio::test]
async fn those_who_are_turned_away_take_no_place_from_others() {
    let bounds = ListenerLimits { connections: 2, connections_per_client: 1, ..ListenerLimits::default() };
    let rig = Rig::bounded(Limits::default(), bounds).await;
    let _first = TcpStream::connect(rig.address).await.unwrap();
    // It says nothing, so it is not told yet that it is one too many.
    let turned_away = TcpStream::connect(rig.address).await.unwrap();
    let socket = tokio::net::TcpSocket::new_v4().unwrap();
    socket.bind("127.0.0.2:0".parse().unwrap()).unwrap();
    let mut other = socket.connect(rig.address).await.unwrap();
    other.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n").await.unwrap();
    let mut answer = String::new();
    other.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200"), "{answer}");
    let still_open = turned_away.try_read(&mut [0]).unwrap_err();
    assert_eq!(still_open.kind(), std::io::ErrorKind::WouldBlock);
    // Many of them are not even heard.
    let mut more = Vec::new();
    let mut closed = 0;
    for _ in 0..100 {
        more.push(TcpStream::connect(rig.address).await.unwrap());
    }
    while closed == 0 {
        tokio::task::yield_now().await;
        closed = more.iter().filter(|stream| !matches!(stream.try_read(&mut [0]), Err(error) if error.kind() == std::io::ErrorKind::WouldBlock)).count();
    }
    let still_open = turned_away.try_read(&mut [0]).unwrap_err();
    assert_eq!(still_open.kind(), std::io::ErrorKind::WouldBlock);
}
