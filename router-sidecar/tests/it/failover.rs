//! What happens when a target breaks, before and after its first byte.

use crate::raw::{Raw, whole};
use crate::rig::{Rig, ask, client, engine, external, fleet, nobody, provider, with_window};
use flotilla_e2e::provider::{Fault, Provider, Script};
use http_body_util::BodyExt;

pub fn fail(provider: &Provider, faults: impl IntoIterator<Item = Fault>, script: Script) {
    provider.script(Script { faults: faults.into_iter().collect(), ..script });
}

/// Two providers: all to the first, the second as fallback.
pub async fn pair() -> (Provider, Provider, Rig) {
    pair_with("").await
}

pub async fn pair_with(more: &str) -> (Provider, Provider, Rig) {
    let (first, second) = (provider().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: first}}], fallback: [second]}}\ntimeouts: {{firstTokenMs: 1000, idleMs: 1000, totalMs: 20000}}\n{more}",
        external("first", &first),
        external("second", &second)
    ))
    .await;
    (first, second, rig)
}

#[tokio::test]
async fn before_the_first_content_the_next_target_is_tried() {
    let cases = [
        (Fault::Status(500), false, "status"),
        (Fault::Status(503), true, "status"),
        (Fault::Status(429), false, "rate_limited"),
        (Fault::Status(307), false, "status"),
        (Fault::Reset, false, "broken"),
        (Fault::Reset, true, "broken"),
        (Fault::Stall, true, "timeout"),
        (Fault::StallAfter(0), true, "timeout"),
        (Fault::CutAfter(0), false, "broken"),
        (Fault::CutAfter(0), true, "broken"),
        (Fault::ErrorEvent, true, "error_event"),
        // The first piece of a stream only names the role.
        (Fault::CutAfter(1), true, "broken"),
        (Fault::StallAfter(1), true, "timeout"),
        (Fault::ErrorAfter(1), true, "error_event"),
    ];
    for (fault, stream, cause) in cases {
        let (first, second, rig) = pair().await;
        // Repeated: a connection that answered before and then breaks unanswered is tried once more.
        fail(&first, [fault], Script { repeat: true, gap_ms: 1, ..Script::default() });
        let reply = rig.chat_with(&[("x-flotilla-explain", "1")], ask("hi", stream)).await;
        assert_eq!((reply.status.as_u16(), reply.backend()), (200, "second"), "{fault:?}, streamed {stream}");
        assert!(reply.header("x-flotilla-decision").contains("first failed"), "{fault:?}");
        // The client sees one answer, with nothing of the other before it.
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert_eq!(text.matches(r#""role":"assistant""#).count(), 1, "{text}");
        assert_eq!((rig.usage("first").requests, rig.usage("first").failed), (1, 1), "{fault:?}");
        assert_eq!((rig.usage("second").requests, rig.usage("second").failed), (1, 0), "{fault:?}");
        assert_eq!(second.seen().requests, 1);
        // Of failed attempts only one that was at work until its deadline is charged: 5 tokens of a prompt, by estimate.
        assert_eq!(rig.usage("first").cost.0, if cause == "timeout" { 5 * 2500 } else { 0 }, "{fault:?}");
        let metrics = rig.metrics().await;
        let counted =
            format!(r#"attempts_failed_total{{backend="first",cause="{cause}",policy="team/assistant"}} 1"#);
        assert!(metrics.contains(&counted), "{fault:?}: {metrics}");
        assert!(
            metrics.contains(r#"retries_total{backend="second",policy="team/assistant"} 1"#),
            "{metrics}"
        );
    }
}

#[tokio::test]
async fn a_prompt_that_does_not_fit_goes_to_a_larger_window_only() {
    let (small, same, large) = (provider().await, provider().await, provider().await);
    let policy = |fallback: &str| {
        let backends = [("small", &small, 8192), ("same", &same, 8192), ("large", &large, 128_000)];
        let backends = backends
            .map(|(name, provider, tokens)| with_window(&external(name, provider), tokens))
            .join("\n");
        format!(
            "backends:\n{backends}\n{}\ndefault: {{backends: [{{name: small}}], fallback: [{fallback}]}}",
            external("unknown", &same)
        )
    };
    for stream in [false, true] {
        fail(&small, [Fault::Overflow], Script { repeat: true, ..Script::default() });
        let rig = Rig::start(&policy("unknown, same, large")).await;
        let reply = rig.chat_with(&[("x-flotilla-explain", "1")], ask("hi", stream)).await;
        assert_eq!((reply.status.as_u16(), reply.backend()), (200, "large"));
        assert!(reply.header("x-flotilla-decision").contains("9001 tokens"));
        // Without a larger one the client is told so in OpenAI's words, whatever the engine's are.
        let rig = Rig::start(&policy("same")).await;
        let reply = rig.chat(ask("hi", stream)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "context_length_exceeded"));
        assert!(String::from_utf8_lossy(&reply.body).contains("9001 tokens"));
    }
    assert_eq!(same.seen().requests, 0);
}

#[tokio::test]
async fn a_target_out_of_quota_rests_as_long_as_it_says() {
    let (first, second, rig) = pair().await;
    fail(&first, [Fault::Status(429)], Script::default());
    for _ in 0..3 {
        assert_eq!(rig.chat(ask("hi", false)).await.backend(), "second");
    }
    assert_eq!((first.seen().requests, second.seen().requests), (1, 3));
    let reply = rig.chat_with(&[("x-flotilla-explain", "1")], ask("hi", false)).await;
    assert!(reply.header("x-flotilla-decision").contains("first asked to be left alone"));
    // Without another it is asked again: it knows its quota best.
    rig.apply(&format!("backends:\n{}\ndefault: {{backends: [{{name: first}}]}}", external("first", &first)));
    assert_eq!(rig.chat(ask("hi", false)).await.backend(), "first");
}

#[tokio::test]
async fn a_target_that_keeps_failing_is_left_alone() {
    let (first, second, rig) = pair_with("ejection: {consecutiveFailures: 3}").await;
    fail(&first, [Fault::Status(500)], Script { repeat: true, ..Script::default() });
    for _ in 0..10 {
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), "second");
    }
    assert_eq!((first.seen().requests, second.seen().requests), (3, 10));
    assert!(rig.metrics().await.contains(r#"ejections_total{backend="first",policy="team/assistant"} 1"#));
    // A config that says something else about other things does not bring it back.
    rig.apply(&format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: first}}], fallback: [second]}}",
        external("second", &second),
        external("first", &first)
    ));
    assert_eq!(rig.chat(ask("hi", true)).await.backend(), "second");
    // When there is no other, it is better than none.
    rig.apply(&format!("backends:\n{}\ndefault: {{backends: [{{name: first}}]}}", external("first", &first)));
    fail(&first, [], Script::default());
    assert_eq!(rig.chat(ask("hi", true)).await.backend(), "first");
}

#[tokio::test]
async fn a_pod_that_breaks_is_followed_by_another_of_the_same_fleet() {
    let (first, second) = (engine().await, engine().await);
    for fault in [Fault::Reset, Fault::Status(500), Fault::CutAfter(1)] {
        let pods = fleet("fleet", &[first.address, second.address]);
        let rig = Rig::start(&format!("backends:\n{pods}\ndefault: {{backends: [{{name: fleet}}]}}")).await;
        fail(&first, [fault], Script { repeat: true, gap_ms: 1, ..Script::default() });
        for _ in 0..6 {
            assert_eq!(rig.chat(ask("hi", true)).await.status.as_u16(), 200, "{fault:?}");
        }
        assert!(rig.usage("fleet").requests >= 6);
    }
}

#[tokio::test]
async fn a_target_that_nobody_listens_at_is_passed_over() {
    let second = provider().await;
    let dead = nobody();
    let rig = Rig::start(&format!(
        "backends:\n- {{name: dead, external: {{baseUrl: 'http://{dead}/v1', model: m}}}}\n{}\ndefault: {{backends: [{{name: dead}}], fallback: [second]}}",
        external("second", &second)
    ))
    .await;
    assert_eq!(rig.chat(ask("hi", true)).await.backend(), "second");
    assert_eq!(rig.usage("dead").failed, 1);
}

#[tokio::test]
async fn after_the_first_byte_nothing_is_tried_again() {
    for fault in [Fault::CutAfter(3), Fault::StallAfter(3), Fault::ErrorAfter(3)] {
        let (first, second, rig) = pair().await;
        // The pause lets the pieces out before the cut.
        fail(&first, [fault], Script { gap_ms: 20, ..Script::default() });
        let reply = rig.chat(ask("hi", true)).await;
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert_eq!(reply.backend(), "first");
        assert!(text.contains("Hello ") && !text.contains("[DONE]"), "{text}");
        // The client is told in the stream, in OpenAI's form.
        let last = text.trim_end().rsplit("data: ").next().unwrap();
        let error: serde_json::Value = serde_json::from_str(last).unwrap();
        let code = error["error"]["code"].as_str().unwrap();
        assert!(["upstream_error", "upstream_timeout", "overloaded"].contains(&code), "{fault:?}: {code}");
        assert_eq!(second.seen().requests, 0, "{fault:?}");
        assert_eq!(rig.usage("first").failed, 1, "{fault:?}");
    }
}

#[tokio::test]
async fn a_whole_answer_that_breaks_off_never_looks_complete() {
    let (first, second, rig) = pair().await;
    fail(&first, [Fault::CutAfter(2)], Script { piece_bytes: 20, gap_ms: 5, ..Script::default() });
    let body = rig.open(&[], ask("hi", false)).await.into_body();
    assert!(body.collect().await.is_err());
    assert_eq!(second.seen().requests, 0);
}

#[tokio::test]
async fn when_all_targets_fail_the_answer_names_the_last_reason() {
    for (fault, stream, status, code) in [
        (Fault::Status(500), false, 502, "upstream_error"),
        (Fault::Status(429), false, 429, "upstream_rate_limited"),
        (Fault::Reset, true, 502, "upstream_error"),
        (Fault::Stall, true, 504, "upstream_timeout"),
    ] {
        let (first, second, rig) = pair().await;
        fail(&first, [fault], Script { repeat: true, ..Script::default() });
        fail(&second, [fault], Script { repeat: true, ..Script::default() });
        let reply = rig.chat(ask("hi", stream)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (status, code), "{fault:?}");
        assert_eq!((first.seen().requests, second.seen().requests), (1, 1), "{fault:?}");
        if status == 429 {
            assert_eq!(reply.header("retry-after"), "7");
        }
    }
}

#[tokio::test]
async fn a_connection_that_does_not_come_in_time_costs_nothing() {
    // It takes connections, and says nothing of TLS.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    let rig = Rig::start(&format!(
        "backends: [{{name: api, external: {{baseUrl: 'https://localhost:{port}/v1', model: m, pricing: {{input: '2.50', output: '10'}}}}}}]\ndefault: {{backends: [{{name: api}}]}}\ntimeouts: {{firstTokenMs: 300}}"
    ))
    .await;
    let reply = rig.chat(ask("hi", true)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (502, "upstream_unreachable"));
    assert_eq!((rig.usage("api").failed, rig.usage("api").cost.0), (1, 0));
}

#[tokio::test]
async fn an_outage_is_not_told_as_the_clients_mistake() {
    let overflow =
        r#"{"error":{"message":"the maximum context length is 3","code":"context_length_exceeded"}}"#;
    let (first, small) = (provider().await, Raw::start(whole("400 Bad Request", overflow)).await);
    let policy = |order: &str| {
        let (first, small) = (external("first", &first), fleet("small", &[small.address]));
        format!("backends:\n{first}\n{small}\ndefault: {order}")
    };
    let rig = Rig::start(&policy("{backends: [{name: first}], fallback: [small]}")).await;
    fail(&first, [Fault::Status(502)], Script { repeat: true, ..Script::default() });
    let reply = rig.chat_with(&[("x-flotilla-explain", "1")], ask("hi", false)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (502, "upstream_error"));
    let decision = reply.header("x-flotilla-decision");
    assert!(decision.contains("first failed") && decision.contains("small failed"), "{decision}");
    // Where nothing is down it is one.
    rig.apply(&policy("{backends: [{name: small}]}"));
    let reply = rig.chat(ask("hi", false)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "context_length_exceeded"));
}

#[tokio::test]
async fn the_total_deadline_bounds_an_answer_that_is_not_streamed() {
    let first = provider().await;
    let rig = Rig::start(&format!(
        "backends:\n{}\ndefault: {{backends: [{{name: first}}]}}\ntimeouts: {{totalMs: 200}}",
        external("first", &first)
    ))
    .await;
    fail(&first, [Fault::Stall], Script::default());
    assert_eq!(rig.chat(ask("hi", false)).await.code(), "upstream_timeout");
}

#[tokio::test]
async fn the_clients_own_mistakes_come_back_as_the_target_says_them() {
    let (first, second, rig) = pair().await;
    fail(&first, [Fault::Status(400)], Script::default());
    let reply = rig.chat(ask("hi", false)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str(), reply.backend()), (400, "scripted", "first"));
    assert_eq!(second.seen().requests, 0);
    assert_eq!(rig.usage("first").prompt_tokens, 0);
}

#[tokio::test]
async fn a_client_that_leaves_takes_the_upstream_with_it_and_is_still_accounted() {
    let (first, _second, rig) = pair().await;
    let words = "word ".repeat(2000);
    first.script(Script { reply: words, gap_ms: 20, ..Script::default() });
    {
        let client = client();
        let request = http::Request::post(format!("http://{}/v1/chat/completions", rig.address))
            .body(http_body_util::Full::from(ask("three little words", true)))
            .unwrap();
        let mut body = client.request(request).await.unwrap().into_body();
        for _ in 0..3 {
            body.frame().await.unwrap().unwrap();
        }
    }
    crate::rig::eventually("the provider loses its client", || first.seen().abandoned == 1).await;
    crate::rig::eventually("the request is settled", || rig.usage("first").requests == 1).await;
    let usage = rig.usage("first");
    assert_eq!(usage.failed, 0);
    assert!(usage.prompt_tokens > 0 && usage.completion_tokens > 0 && usage.cost.0 > 0, "{usage:?}");
}

/// As llama-server does after a stream: it announces that the connection stays, and closes it.
async fn liar() -> std::net::SocketAddr {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut request = [0; 16 * 1024];
                assert!(stream.read(&mut request).await.unwrap() > 0);
                let answer =
                    "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}";
                stream.write_all(answer.as_bytes()).await.unwrap();
                // The next request arrives and is never answered.
                let _ = stream.read(&mut request).await;
            });
        }
    });
    address
}

#[tokio::test]
async fn a_request_that_met_a_closed_connection_is_sent_again() {
    let address = liar().await;
    let rig = Rig::start(&format!(
        "backends:\n- {{name: engine, external: {{baseUrl: 'http://{address}/v1', model: m}}}}\ndefault: {{backends: [{{name: engine}}]}}"
    ))
    .await;
    for _ in 0..5 {
        let reply = rig.chat(ask("hi", false)).await;
        assert_eq!((reply.status.as_u16(), reply.backend()), (200, "engine"), "{:?}", reply.body);
    }
    assert_eq!(rig.usage("engine").failed, 0);
}

#[tokio::test]
async fn a_pod_that_is_out_of_quota_leaves_the_request_to_another_of_its_fleet() {
    let (first, second) = (engine().await, engine().await);
    let pods = fleet("fleet", &[first.address, second.address]);
    let rig = Rig::start(&format!("backends:\n{pods}\ndefault: {{backends: [{{name: fleet}}]}}")).await;
    fail(&first, [Fault::Status(429)], Script { repeat: true, ..Script::default() });
    while first.seen().requests == 0 {
        assert_eq!(rig.chat(ask("hi", false)).await.status.as_u16(), 200);
    }
    // And rests meanwhile.
    for _ in 0..10 {
        assert_eq!(rig.chat(ask("hi", false)).await.status.as_u16(), 200);
    }
    assert_eq!(first.seen().requests, 1);
}
