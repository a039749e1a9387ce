//! Backends that speak Anthropic's Messages: for clients and for everything else in the router they are like others.

use crate::raw::{Raw, whole};
use crate::rig::{KEY, Reply, Rig, anthropic, ask, engine, eventually, external, fleet, provider};
use flotilla_e2e::provider::{Fault, Provider, Script};
use flotilla_router::serve::Limits;
use serde_json::{Value, json};

async fn alone() -> (Provider, Rig) {
    let api = provider().await;
    let policy = format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", anthropic("api", &api));
    let rig = Rig::start(&policy).await;
    (api, rig)
}

/// Anthropic first, then whatever.
async fn before(second: &str, more: &str) -> (Provider, Rig) {
    let api = provider().await;
    let rig = Rig::start(&format!(
        "backends:\n{}\n{second}\ndefault: {{backends: [{{name: api}}], fallback: [second]{more}",
        anthropic("api", &api)
    ))
    .await;
    (api, rig)
}

fn chunks(reply: &Reply) -> Vec<Value> {
    let body = std::str::from_utf8(&reply.body).unwrap();
    let data = body.lines().filter_map(|line| line.strip_prefix("data: ")).filter(|data| *data != "[DONE]");
    data.map(|data| serde_json::from_str(data).unwrap()).collect()
}

fn text(reply: &Reply) -> String {
    let chunks = chunks(reply);
    chunks.iter().filter_map(|chunk| chunk["choices"][0]["delta"]["content"].as_str()).collect()
}

fn asking_usage(text: &str) -> String {
    ask(text, true).replacen('{', r#"{"stream_options":{"include_usage":true},"#, 1)
}

#[tokio::test]
async fn a_client_of_chat_completions_is_answered_and_every_token_counted() {
    let (api, rig) = alone().await;
    let whole = rig.chat(ask("two words", false)).await;
    assert_eq!((whole.status.as_u16(), whole.header("content-type")), (200, "application/json"));
    let answer = whole.json();
    assert_eq!(answer["choices"][0]["message"]["content"], "Hello from the stand-in provider.");
    assert_eq!((&answer["object"], &answer["model"]), (&"chat.completion".into(), &"m".into()));
    assert_eq!(answer["usage"]["prompt_tokens"], 2);
    let sent = api.last();
    let keys: Vec<_> = sent.headers.keys().map(http::HeaderName::as_str).collect();
    assert_eq!(sent.headers["x-api-key"], KEY);
    assert_eq!(sent.headers["anthropic-version"], "2023-06-01");
    assert!(!keys.contains(&"authorization"), "{keys:?}");
    assert_eq!(
        serde_json::from_slice::<Value>(&sent.body).unwrap(),
        json!({"model": "m", "max_tokens": 4096, "stream": false,
            "messages": [{"role": "user", "content": [{"type": "text", "text": "two words"}]}]})
    );

    let reply = "Grüße 🚀 aus 東京 naïve ".repeat(3);
    for piece_bytes in [0, 1, 2, 3, 7, 64, 10_000] {
        api.script(Script { reply: reply.clone(), piece_bytes, ..Script::default() });
        let plain = rig.chat(ask("hi", true)).await;
        assert_eq!(plain.header("content-type"), "text/event-stream");
        assert_eq!(text(&plain), reply, "pieces of {piece_bytes}");
        assert!(plain.body.ends_with(b"data: [DONE]\n\n"));
        assert!(chunks(&plain).iter().all(|chunk| chunk["choices"][0].is_object()), "usage nobody asked for");
        assert!(chunks(&plain).iter().any(|chunk| chunk["choices"][0]["finish_reason"] == "stop"));
        let told = rig.chat(asking_usage("hi")).await;
        assert_eq!(text(&told), reply);
        let usage = chunks(&told).pop().unwrap()["usage"].clone();
        assert_eq!((&usage["prompt_tokens"], &usage["completion_tokens"]), (&1.into(), &15.into()));
    }
    let (counted, billed) = (rig.usage("api"), api.seen());
    assert_eq!(
        (counted.requests, counted.failed, counted.prompt_tokens, counted.completion_tokens),
        (billed.requests, 0, billed.prompt_tokens, billed.completion_tokens)
    );
    assert_eq!(counted.cost.0, counted.prompt_tokens * 2_500 + counted.completion_tokens * 10_000);
}

#[tokio::test]
async fn tools_are_called_in_openais_form() {
    let (api, rig) = alone().await;
    api.script(Script { reply: "it \"rains\" ".to_owned(), ..Script::default() });
    let body = |stream: bool| {
        json!({"model": "assistant", "stream": stream, "messages": [{"role": "user", "content": "hi"}],
            "tools": [{"type": "function", "function": {"name": "say", "parameters": {"type": "object"}}}],
            "tool_choice": {"type": "function", "function": {"name": "say"}}})
        .to_string()
    };
    let expected = json!({"text": "it \"rains\" "});
    let whole = rig.chat(body(false)).await.json();
    let call = &whole["choices"][0]["message"]["tool_calls"][0];
    let arguments = |text: &str| serde_json::from_str::<Value>(text).unwrap();
    assert_eq!(arguments(call["function"]["arguments"].as_str().unwrap()), expected);
    assert_eq!(whole["choices"][0]["finish_reason"], "tool_calls");
    let streamed = chunks(&rig.chat(body(true)).await);
    let calls: Vec<_> = streamed.iter().map(|chunk| &chunk["choices"][0]["delta"]["tool_calls"][0]).collect();
    let named: Vec<_> = calls.iter().filter_map(|call| call["function"]["name"].as_str()).collect();
    assert_eq!(named, ["say"]);
    let streamed: String = calls.iter().filter_map(|call| call["function"]["arguments"].as_str()).collect();
    assert_eq!(arguments(&streamed), expected);
}

#[tokio::test]
async fn before_the_first_content_the_next_target_is_tried() {
    for (fault, stream, cause) in [
        (Fault::Status(500), false, "status"),
        (Fault::Status(529), true, "status"),
        (Fault::Status(429), true, "rate_limited"),
        (Fault::Reset, true, "broken"),
        (Fault::Stall, true, "timeout"),
        (Fault::CutAfter(0), true, "broken"),
        (Fault::CutAfter(0), false, "broken"),
        // Named its role, and nothing more.
        (Fault::CutAfter(1), true, "broken"),
        (Fault::StallAfter(1), true, "timeout"),
        (Fault::ErrorEvent, true, "error_event"),
        (Fault::ErrorAfter(1), true, "error_event"),
        // Not an answer in the dialect, whatever its status says.
        (Fault::ErrorEvent, false, "garbled"),
    ] {
        let second = provider().await;
        let (api, rig) = before(&external("second", &second), "}\ntimeouts: {firstTokenMs: 2000}").await;
        api.script(Script { faults: [fault].into(), repeat: true, gap_ms: 20, ..Script::default() });
        let reply = rig.chat(ask("hi", stream)).await;
        assert_eq!((reply.status.as_u16(), reply.backend()), (200, "second"), "{fault:?} {stream}");
        let text = String::from_utf8(reply.body.to_vec()).unwrap();
        assert_eq!(text.matches(r#""role":"assistant""#).count(), 1, "{text}");
        assert_eq!((rig.usage("api").requests, rig.usage("api").failed), (1, 1), "{fault:?}");
        // Only one that was at work until its deadline, or to its end, is paid for: 5 tokens of a prompt, by estimate.
        let paid = matches!(cause, "timeout" | "garbled");
        assert_eq!(rig.usage("api").cost.0, if paid { 5 * 2500 } else { 0 }, "{fault:?}");
        let counted = format!(r#"attempts_failed_total{{backend="api",cause="{cause}""#);
        assert!(rig.metrics().await.contains(&counted), "{fault:?}");
    }
}

#[tokio::test]
async fn after_the_first_content_an_error_ends_the_stream_once() {
    let (api, rig) = alone().await;
    for fault in [Fault::CutAfter(3), Fault::ErrorAfter(3)] {
        api.script(Script { faults: [fault].into(), gap_ms: 20, ..Script::default() });
        let reply = rig.chat(ask("three little words", true)).await;
        let body = String::from_utf8(reply.body.to_vec()).unwrap();
        assert_eq!(text(&reply), "Hello from ", "{fault:?}");
        assert_eq!(body.matches(r#""error""#).count(), 1, "{body}");
        assert!(!body.contains("[DONE]"), "{body}");
    }
    let (counted, billed) = (rig.usage("api"), api.seen());
    // The stream said at its beginning how long the prompt is, so what was cut is counted to the token as well.
    assert_eq!(
        (counted.failed, counted.prompt_tokens, counted.completion_tokens),
        (2, billed.prompt_tokens, billed.completion_tokens)
    );
}

#[tokio::test]
async fn a_stream_that_breaks_goes_on_in_the_fleet() {
    let pod = engine().await;
    pod.script(Script {
        reply: "a midnight dreary".to_owned(),
        id: "chatcmpl-other".to_owned(),
        created: 3,
        ..Script::default()
    });
    let (api, rig) = before(&fleet("second", &[pod.address]), ", continuation: true}").await;
    for fault in [Fault::CutAfter(3), Fault::ErrorAfter(3)] {
        let reply = "Once upon a time".to_owned();
        api.script(Script { faults: [fault].into(), gap_ms: 20, reply, ..Script::default() });
        let reply = rig.chat(asking_usage("Begin")).await;
        assert_eq!(text(&reply), "Once upon a midnight dreary", "{fault:?}");
        let known: std::collections::HashSet<_> = chunks(&reply)
            .iter()
            .map(|chunk| [&chunk["id"], &chunk["created"], &chunk["model"]].map(Value::to_string))
            .collect();
        assert_eq!(known.len(), 1, "{known:?}");
        let asked: Value = serde_json::from_slice(&pod.last().body).unwrap();
        assert_eq!(asked["messages"][1], json!({"role": "assistant", "content": "Once upon "}));
    }
}

#[tokio::test]
async fn a_slow_leg_is_outrun_and_counted() {
    let (first, second) = (provider().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: first}}], fallback: [second], hedge: true}}",
        anthropic("first", &first),
        anthropic("second", &second)
    ))
    .await;
    for _ in 0..20 {
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), "first");
    }
    first.script(Script { faults: [Fault::StallAfter(0)].into(), ..Script::default() });
    let reply = rig.chat(ask("hi", true)).await;
    assert_eq!((reply.backend(), text(&reply).as_str()), ("second", "Hello from the stand-in provider."));
    eventually("the slow leg is called off", || first.seen().abandoned == 1).await;
    assert_eq!((rig.usage("first").requests, rig.usage("first").failed), (21, 0));
    assert_eq!(rig.usage("second").requests, 1);
}

#[tokio::test]
async fn what_its_api_cannot_express_goes_to_a_target_that_can_or_is_refused_by_name() {
    let second = provider().await;
    let (api, rig) = before(&external("second", &second), "}").await;
    let two = ask("hi", false).replacen('{', r#"{"n":2,"#, 1);
    let reply = rig.chat_with(&[("x-flotilla-explain", "1")], two.clone()).await;
    assert_eq!((reply.status.as_u16(), reply.backend()), (200, "second"));
    let decision = reply.header("x-flotilla-decision");
    assert!(decision.contains(r#""api failed: its API cannot express the request: n""#), "{decision}");
    let (lone, rig) = alone().await;
    let reply = rig.chat(two).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "unsupported_parameter"));
    let error = reply.json()["error"].clone();
    assert_eq!(error["param"], "n");
    assert!(
        error["message"]
            .as_str()
            .unwrap()
            .ends_with("n: in the Messages API of Anthropic a request gets one choice")
    );
    // Nothing was sent, and nobody is to blame.
    assert_eq!((api.seen().requests, lone.seen().requests, rig.usage("api").requests), (0, 0, 0));
    assert!(rig.metrics().await.contains(r#"attempts_failed_total{backend="api",cause="unsupported""#));
}

#[tokio::test]
async fn errors_come_back_in_openais_form() {
    let (api, rig) = alone().await;
    // The client's own mistake, in the API's words.
    let reply = rig.chat(r#"{"model":"assistant","messages":[{"role":"assistant","content":"I"}]}"#).await;
    assert_eq!(reply.status, 400);
    let error = &reply.json()["error"];
    assert_eq!((&error["type"], &error["code"]), (&"invalid_request_error".into(), &Value::Null));
    assert!(error["message"].as_str().unwrap().contains("first message must use"), "{error}");
    // A prompt that does not fit is known as one.
    api.script(Script { faults: [Fault::Overflow].into(), ..Script::default() });
    let reply = rig.chat(ask("hi", false)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "context_length_exceeded"));
    // A key that is not accepted is the policy's fault, and shows without the key.
    rig.apply(&format!(
        "backends:\n{}\ndefault: {{backends: [{{name: api}}]}}",
        anthropic("api", &api).replace(KEY, "sk-wrong-key-0815")
    ));
    let reply = rig.chat(ask("hi", false)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (502, "upstream_auth"));
    assert!(!String::from_utf8_lossy(&reply.body).contains("sk-wrong"));
}

#[tokio::test]
async fn an_error_with_a_good_status_says_whether_the_prompt_fits() {
    let says = |kind: &str, message: &str| {
        let error = serde_json::json!({"type": "error", "error": {"type": kind, "message": message}});
        whole("200 OK", &error.to_string())
    };
    for (answer, status, code) in [
        (says("overloaded_error", "Overloaded"), 502, "upstream_error"),
        (says("invalid_request_error", "prompt is too long: 9 > 8"), 400, "context_length_exceeded"),
    ] {
        let api = Raw::start(answer).await;
        let rig = Rig::start(&format!(
            "backends: [{{name: api, external: {{provider: Anthropic, baseUrl: 'http://{}/v1', model: m, pricing: {{input: '2.50', output: '10'}}}}}}]\ndefault: {{backends: [{{name: api}}]}}",
            api.address
        ))
        .await;
        let reply = rig.chat(ask("hi", false)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (status, code));
        let usage = rig.usage("api");
        assert_eq!((usage.requests, usage.failed, usage.prompt_tokens, usage.cost.0), (1, 1, 0, 0), "{code}");
    }
}

#[tokio::test]
async fn an_answer_that_is_of_no_use_was_paid_for() {
    // No message of the API; and one that there is no room for.
    for (answer, status, code) in [
        (r#"{"type":"pong"}"#.to_owned(), 502, "upstream_error"),
        (format!("{:9000}", "{}"), 503, "router_overloaded"),
    ] {
        let api = Raw::start(whole("200 OK", &answer)).await;
        let rig = Rig::bare(Limits { buffered: 5000, ..Limits::default() }).await;
        rig.apply(&format!(
            "backends: [{{name: api, external: {{provider: Anthropic, baseUrl: 'http://{}/v1', model: m, pricing: {{input: '2.50', output: '10'}}}}}}]\ndefault: {{backends: [{{name: api}}]}}\nbudgets: [{{name: all, per: Month, tokens: 5000}}]",
            api.address
        ));
        let reply = rig.chat(ask("hi", false)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (status, code));
        let usage = rig.usage("api");
        assert_eq!((usage.requests, usage.failed), (1, 1));
        // 5 tokens, by estimate.
        assert_eq!((usage.prompt_tokens, usage.completion_tokens, usage.cost.0), (5, 0, 12_500), "{code}");
        let taken = rig.router.store.current().unwrap().policies[0].budgets[0].purses.of(None).taken();
        assert_eq!(taken, 5, "{code}");
    }
}

#[tokio::test]
async fn translated_bodies_count_among_those_that_are_held() {
    let api = provider().await;
    let rig = Rig::bare(Limits { buffered: 150_000, ..Limits::default() }).await;
    rig.apply(&format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", anthropic("api", &api)));
    assert_eq!(rig.chat(ask(&"x".repeat(60_000), false)).await.status, 200);
    let reply = rig.chat(ask(&"x".repeat(100_000), false)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "router_overloaded"));
    assert_eq!((reply.header("retry-after"), api.seen().requests), ("2", 1));
    eventually("nothing is held", || rig.router.buffered_bytes() == 0).await;
}

#[tokio::test]
async fn an_answer_that_is_read_whole_leads_elsewhere_when_it_stops_in_the_middle() {
    let half = |status: &str| {
        format!(
            "HTTP/1.1 {status}\r\ncontent-type: application/json\r\ncontent-length: 900\r\n\r\n{{\"type\":"
        )
    };
    for (status, name, speaks) in [
        ("200 OK", "api", "provider: Anthropic, "),
        ("400 Bad Request", "api", "provider: Anthropic, "),
        ("404 Not Found", "api", "provider: Anthropic, "),
        ("400 Bad Request", "engine", ""),
    ] {
        // The connection is held.
        let (raw, second) = (Raw::start(half(status)).await, engine().await);
        let rig = Rig::start(&format!(
            "backends:\n- {{name: {name}, external: {{{speaks}baseUrl: 'http://{}/v1', model: m}}}}\n{}\ndefault: {{backends: [{{name: {name}}}], fallback: [second]}}\ntimeouts: {{idleMs: 300, totalMs: 20000}}",
            raw.address,
            fleet("second", &[second.address])
        ))
        .await;
        let reply = rig.chat(ask("hi", false)).await;
        assert_eq!((reply.status.as_u16(), reply.backend()), (200, "second"), "{status} {name}: {reply:?}");
        let counted =
            format!(r#"attempts_failed_total{{backend="{name}",cause="broken",policy="team/assistant"}} 1"#);
        assert!(rig.metrics().await.contains(&counted), "{status} {name}");
    }
}

#[tokio::test]
async fn an_answer_that_is_read_whole_may_take_longer_than_one_piece_of_it() {
    let second = provider().await;
    let (api, rig) = before(&external("second", &second), "}\ntimeouts: {idleMs: 1500}").await;
    api.script(Script { piece_bytes: 10, gap_ms: 100, ..Script::default() });
    let began = std::time::Instant::now();
    assert_eq!(rig.chat(ask("hi", false)).await.backend(), "api");
    assert!(began.elapsed() > std::time::Duration::from_millis(1500), "it came all at once");
}
