//! Streams that break off and go on elsewhere, for policies that ask for it.

use crate::raw::{Raw, whole};
use crate::rig::{Reply, Rig, ask, engine, external, fleet, home_and_away, provider, with_window};
use flotilla_e2e::provider::{Fault, Provider, Script};
use serde_json::Value;

fn route(first: &str, second: &str) -> String {
    format!(
        "backends:\n{first}\n{second}\ndefault: {{backends: [{{name: one}}], fallback: [two], continuation: true}}\ntimeouts: {{idleMs: 1500}}"
    )
}

async fn pair() -> (Provider, Provider, Rig) {
    let (one, two) = (engine().await, engine().await);
    let rig = Rig::start(&route(&fleet("one", &[one.address]), &fleet("two", &[two.address]))).await;
    (one, two, rig)
}

fn breaks(provider: &Provider, fault: Fault) {
    provider.script(Script {
        faults: [fault].into(),
        gap_ms: 20,
        reply: "Once upon a time".to_owned(),
        ..Script::default()
    });
}

/// The chunks that a client gets.
fn data(reply: &Reply) -> Vec<Value> {
    let body = std::str::from_utf8(&reply.body).unwrap();
    let data = body.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

/// What a client makes of them.
fn text(reply: &Reply) -> String {
    data(reply)
        .iter()
        .filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str().map(str::to_owned))
        .collect()
}

#[tokio::test]
async fn a_stream_that_breaks_goes_on_and_the_client_sees_one() {
    for fault in [Fault::CutAfter(3), Fault::StallAfter(3), Fault::ErrorAfter(3)] {
        let (one, two, rig) = pair().await;
        breaks(&one, fault);
        two.script(Script { reply: "a midnight dreary".to_owned(), ..Script::default() });
        let reply = rig.chat(ask("Begin", true).replacen('{', r#"{"max_tokens":10,"#, 1)).await;
        assert_eq!(text(&reply), "Once upon a midnight dreary", "{fault:?}");
        let body = String::from_utf8(reply.body.to_vec()).unwrap();
        assert_eq!(body.matches(r#""role":"assistant""#).count(), 1, "{body}");
        assert_eq!(body.matches("[DONE]").count(), 1, "{body}");
        assert!(body.contains("\n: flotilla: the stream broke off, two went on\n"), "{body}");
        assert!(!body.contains("error"), "{body}");
        let asked: Value = serde_json::from_slice(&two.last().body).unwrap();
        assert_eq!(asked["messages"][1], serde_json::json!({"role": "assistant", "content": "Once upon "}));
        assert_eq!((&asked["max_tokens"], &asked["continue_final_message"]), (&8.into(), &true.into()));
        // Both parts are counted, the first one as a failure.
        let (first, second) = (rig.usage("one"), rig.usage("two"));
        assert_eq!((first.requests, first.failed, first.completion_tokens), (1, 1, 2), "{fault:?}");
        assert_eq!((second.requests, second.failed, second.completion_tokens), (1, 0, 3), "{fault:?}");
        let metrics = rig.metrics().await;
        assert!(metrics.contains(r#"continuations_total{backend="two",policy="team/assistant"} 1"#));
        // The first content came once, and from the first.
        for (backend, count) in [("one", 1), ("two", 0)] {
            let line =
                format!(r#"first_byte_seconds_count{{backend="{backend}",policy="team/assistant"}} {count}"#);
            assert!(metrics.contains(&line), "{line}");
        }
    }
}

#[tokio::test]
async fn all_chunks_are_those_of_the_first_stream() {
    let (one, two, rig) = pair().await;
    breaks(&one, Fault::CutAfter(3));
    two.script(Script {
        reply: "a midnight dreary".to_owned(),
        id: "chatcmpl-other".to_owned(),
        created: 1_800_000_000,
        ..Script::default()
    });
    let asked_usage = ask("Begin", true).replacen('{', r#"{"stream_options":{"include_usage":true},"#, 1);
    let reply = rig.chat(asked_usage).await;
    assert_eq!(text(&reply), "Once upon a midnight dreary");
    let known: std::collections::HashSet<_> = data(&reply)
        .into_iter()
        .map(|chunk| (chunk["id"].to_string(), chunk["created"].to_string(), chunk["model"].to_string()))
        .collect();
    assert_eq!(known.len(), 1, "{known:?}");
    assert!(!known.iter().next().unwrap().0.contains("other"), "{known:?}");
    // The usage that the client gets is that of both parts, as they are accounted.
    let (first, second) = (rig.usage("one"), rig.usage("two"));
    let prompt = first.prompt_tokens + second.prompt_tokens;
    let completion = first.completion_tokens + second.completion_tokens;
    assert!(first.completion_tokens > 0 && second.completion_tokens > 0);
    assert_eq!(
        data(&reply).last().unwrap()["usage"],
        serde_json::json!({
            "prompt_tokens": prompt, "completion_tokens": completion, "total_tokens": prompt + completion,
            // The second stand-in's own, as it came.
            "prompt_tokens_details": {"cached_tokens": 0},
        })
    );
}

#[tokio::test]
async fn what_cannot_go_on_ends_with_an_error_once() {
    // The one that should go on fails as well.
    let (one, two, rig) = pair().await;
    breaks(&one, Fault::CutAfter(3));
    two.script(Script { faults: [Fault::Status(500)].into(), ..Script::default() });
    let failed = rig.chat(ask("Begin", true)).await;
    assert_eq!((rig.usage("two").requests, rig.usage("two").failed), (1, 1));
    // It breaks a second time.
    breaks(&one, Fault::CutAfter(3));
    breaks(&two, Fault::ErrorAfter(3));
    let broken = rig.chat(ask("Begin", true)).await;
    assert_eq!(text(&broken), "Once upon Once upon ");
    // An external API would begin anew.
    let (one, api) = (engine().await, provider().await);
    let rig = Rig::start(&route(&fleet("one", &[one.address]), &external("two", &api))).await;
    breaks(&one, Fault::CutAfter(3));
    let external = rig.chat(ask("Begin", true)).await;
    assert_eq!(api.seen().requests, 0);
    for reply in [failed, broken, external] {
        let body = String::from_utf8(reply.body.to_vec()).unwrap();
        assert_eq!(body.matches(r#""error""#).count(), 1, "{body}");
        assert!(!body.contains("[DONE]"), "{body}");
    }
}

#[tokio::test]
async fn a_session_is_where_its_stream_went_on() {
    let (one, two) = (engine().await, engine().await);
    let pods = fleet("pods", &[one.address, two.address]);
    let rig = Rig::start(&format!(
        "backends:\n{pods}\ndefault: {{backends: [{{name: pods}}], continuation: true}}"
    ))
    .await;
    let turn = || rig.chat_with(&[("x-session-id", "alice")], ask("Begin", true));
    turn().await;
    let (home, away) = home_and_away(&one, &two);
    breaks(home, Fault::CutAfter(3));
    assert!(String::from_utf8_lossy(&turn().await.body).contains("[DONE]"));
    for _ in 0..3 {
        turn().await;
    }
    assert_eq!((home.seen().requests, away.seen().requests), (2, 4));
}

#[tokio::test]
async fn who_refuses_to_go_on_is_not_at_fault() {
    let (one, two) = (engine().await, engine().await);
    // The first one is never left alone: it must break off each time.
    let policy = route(&fleet("one", &[one.address]), &fleet("two", &[two.address]));
    let rig =
        Rig::start(&format!("{policy}\nejection: {{failurePercent: 0}}\nretries: {{minPerSecond: 1000}}"))
            .await;
    one.script(Script {
        faults: [Fault::CutAfter(3), Fault::None].repeat(6).into(),
        gap_ms: 20,
        ..Script::default()
    });
    two.script(Script { faults: [Fault::Status(400); 6].into(), ..Script::default() });
    for _ in 0..6 {
        let reply = rig.chat(ask("Begin", true)).await;
        assert!(String::from_utf8_lossy(&reply.body).contains(r#""error""#));
        assert_eq!(rig.chat(ask("Begin", true)).await.backend(), "one");
    }
    assert_eq!(two.seen().requests, 6);
    let metrics = rig.metrics().await;
    assert!(!metrics.contains("ejections_total{"), "{metrics}");
    let refused = r#"attempts_failed_total{backend="two",cause="not_continued",policy="team/assistant"} 6"#;
    assert!(metrics.contains(refused), "{metrics}");
}

#[tokio::test]
async fn a_client_that_leaves_while_the_stream_goes_on_is_settled() {
    use http_body_util::BodyExt;
    let (one, two, rig) = pair().await;
    breaks(&one, Fault::CutAfter(3));
    two.script(Script { faults: [Fault::StallAfter(0)].into(), ..Script::default() });
    {
        let mut body = rig.open(&[], ask("Begin", true)).await.into_body();
        while two.seen().requests == 0 {
            // Frames of the first part, and then nothing.
            let _ = tokio::time::timeout(std::time::Duration::from_millis(50), body.frame()).await;
        }
    }
    crate::rig::eventually("the second part is given up", || two.seen().abandoned == 1).await;
    crate::rig::eventually("it is settled", || rig.usage("two").requests == 1).await;
    assert_eq!((rig.usage("one").failed, rig.usage("two").failed), (1, 0));
}

#[tokio::test]
async fn a_stream_that_goes_on_needs_a_place_where_it_goes() {
    let (one, two) = (engine().await, engine().await);
    let small =
        fleet("two", &[two.address]).replacen("name: two,", "name: two, concurrency: {maxRequests: 1},", 1);
    let policy = route(&fleet("one", &[one.address]), &small);
    let rig = Rig::start(&policy.replacen("idleMs: 1500", "idleMs: 60000", 1)).await;
    // Somebody has the only place.
    breaks(&one, Fault::Status(500));
    breaks(&two, Fault::StallAfter(3));
    let _under_way = rig.open(&[], ask("Begin", true)).await;
    assert_eq!(two.seen().requests, 1);
    breaks(&one, Fault::CutAfter(3));
    let reply = rig.chat(ask("Begin", true)).await;
    assert_eq!(text(&reply), "Once upon ");
    assert!(!String::from_utf8_lossy(&reply.body).contains("[DONE]"));
    assert_eq!(two.seen().requests, 1);
}

#[tokio::test]
async fn a_stream_that_goes_on_at_the_same_backend_keeps_its_place() {
    use http_body_util::BodyExt;
    let (one, two) = (engine().await, engine().await);
    let pods = fleet("one", &[one.address, two.address]).replacen(
        "name: one,",
        "name: one, concurrency: {maxRequests: 1},",
        1,
    );
    let rig =
        Rig::start(&format!("backends:\n{pods}\ndefault: {{backends: [{{name: one}}], continuation: true}}"))
            .await;
    // The second pod has so much to do that requests begin at the first.
    let _busy =
        rig.router.store.current().unwrap().policies[0].backends[0].endpoints[1].load.start(1_000_000_000);
    one.script(Script {
        faults: [Fault::CutAfter(3), Fault::StallAfter(3)].into(),
        gap_ms: 20,
        ..Script::default()
    });
    breaks(&two, Fault::StallAfter(3));
    let mut goes_on = rig.open(&[], ask("Begin", true)).await.into_body();
    let mut seen = String::new();
    while !seen.contains("went on") {
        let piece = goes_on.frame().await.unwrap().unwrap().into_data().unwrap();
        seen.push_str(std::str::from_utf8(&piece).unwrap());
    }
    // There are two places in all, and another request takes the second.
    let _other = rig.open(&[], ask("Begin", true)).await;
    assert_eq!((one.seen().requests, two.seen().requests), (2, 1));
    let reply = rig.chat(ask("Begin", false)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "overloaded"), "{reply:?}");
}

#[tokio::test]
async fn a_stream_goes_on_only_where_its_request_may_go() {
    let overflow =
        r#"{"error":{"message":"the maximum context length is 3","code":"context_length_exceeded"}}"#;
    let small = Raw::start(whole("400 Bad Request", overflow)).await;
    let (large, other) = (engine().await, engine().await);
    let of = |name: &str, pod, window| with_window(&fleet(name, &[pod]), window);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\n{}\ndefault: {{backends: [{{name: small}}], fallback: [large, other], continuation: true}}",
        of("small", small.address, 8192),
        of("large", large.address, 128_000),
        of("other", other.address, 128_000)
    ))
    .await;
    breaks(&large, Fault::CutAfter(3));
    other.script(Script { reply: "a midnight dreary".to_owned(), ..Script::default() });
    let reply = rig.chat(ask("Begin", true)).await;
    assert_eq!((text(&reply).as_str(), small.asked()), ("Once upon a midnight dreary", 1));
    assert_eq!(other.seen().requests, 1);
}

#[tokio::test]
async fn a_stream_goes_on_only_where_what_it_has_become_fits() {
    let (one, small, other) = (engine().await, engine().await, engine().await);
    let prompt = ask("Begin", true);
    let tokens = flotilla_router::request::peek(&bytes::Bytes::from(prompt.clone())).unwrap().prompt_tokens;
    let small_one = with_window(&fleet("small", &[small.address]), tokens);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{small_one}\n{}\ndefault: {{backends: [{{name: one}}], fallback: [small, other], continuation: true}}",
        fleet("one", &[one.address]),
        fleet("other", &[other.address])
    ))
    .await;
    breaks(&one, Fault::CutAfter(3));
    other.script(Script { reply: "a midnight dreary".to_owned(), ..Script::default() });
    let reply = rig.chat(prompt.clone()).await;
    assert_eq!(text(&reply), "Once upon a midnight dreary");
    assert_eq!((small.seen().requests, other.seen().requests), (0, 1));
    // It fits there as the client sent it.
    one.script(Script { faults: [Fault::Status(500)].into(), ..Script::default() });
    assert_eq!(rig.chat(prompt).await.backend(), "small");
}

#[tokio::test]
async fn a_stream_goes_on_where_its_request_has_not_failed_before_it_does_where_it_has() {
    for last in ["", ", last"] {
        let (first, broken, other) = (engine().await, engine().await, engine().await);
        let rig = Rig::start(&format!(
            "backends:\n{}\n{}\n{}\ndefault: {{backends: [{{name: first}}], fallback: [broken{last}], continuation: true}}",
            fleet("first", &[first.address]),
            fleet("broken", &[broken.address]),
            fleet("last", &[other.address])
        ))
        .await;
        first.script(Script {
            faults: [Fault::Status(500)].into(),
            reply: "a midnight dreary".to_owned(),
            ..Script::default()
        });
        breaks(&broken, Fault::CutAfter(3));
        other.script(Script { reply: "a midnight dreary".to_owned(), ..Script::default() });
        assert_eq!(text(&rig.chat(ask("Begin", true)).await), "Once upon a midnight dreary");
        let expected = if last.is_empty() { (2, 0) } else { (1, 1) };
        assert_eq!((first.seen().requests, other.seen().requests), expected, "{last}");
    }
}
