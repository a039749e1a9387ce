//! Streams as clients see them.

use crate::raw::{Raw, chunked, says, whole};
use crate::rig::{KEY, Rig, ask, external, provider};
use flotilla_e2e::provider::Script;

/// The text that a client puts together, and the events it saw.
fn read(body: &[u8]) -> (String, Vec<String>) {
    let text = std::str::from_utf8(body).unwrap();
    let events: Vec<_> = text.split("\n\n").filter(|e| !e.is_empty()).map(str::to_owned).collect();
    let content = events
        .iter()
        .filter_map(|event| serde_json::from_str::<serde_json::Value>(event.strip_prefix("data: ")?).ok())
        .filter_map(|chunk| Some(chunk["choices"][0]["delta"]["content"].as_str()?.to_owned()))
        .collect();
    (content, events)
}

#[tokio::test]
async fn a_stream_arrives_unchanged_whatever_its_cuts_and_without_the_usage_nobody_asked_for() {
    let api = provider().await;
    let rig =
        Rig::start(&format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", external("api", &api)))
            .await;
    let reply = "Grüße 🚀 aus 東京 naïve ".repeat(3);
    let asked_usage = ask("hi", true).replacen('{', r#"{"stream_options":{"include_usage":true},"#, 1);
    for piece_bytes in [0, 1, 2, 3, 7, 64, 10_000] {
        api.script(Script { reply: reply.clone(), piece_bytes, ..Script::default() });
        let plain = rig.chat(ask("hi", true)).await;
        assert_eq!(plain.header("content-type"), "text/event-stream");
        let (content, events) = read(&plain.body);
        assert_eq!(content, reply, "pieces of {piece_bytes}");
        assert_eq!(events.last().unwrap(), "data: [DONE]");
        assert!(!events.iter().any(|e| e.contains("\"choices\":[]")), "pieces of {piece_bytes}");

        let (content, events) = read(&rig.chat(asked_usage.clone()).await.body);
        assert_eq!(content, reply);
        assert!(events[events.len() - 2].contains("\"prompt_tokens\":1"), "pieces of {piece_bytes}");
    }
    let (counted, billed) = (rig.usage("api"), api.seen());
    assert_eq!(
        (counted.prompt_tokens, counted.completion_tokens),
        (billed.prompt_tokens, billed.completion_tokens)
    );
}

#[tokio::test]
async fn what_is_ready_does_not_wait_for_what_is_not() {
    use http_body_util::BodyExt;
    let api = provider().await;
    let rig =
        Rig::start(&format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", external("api", &api)))
            .await;
    // The provider stops after two events and stays silent: they must be here all the same.
    api.script(Script { faults: [flotilla_e2e::provider::Fault::StallAfter(2)].into(), ..Script::default() });
    let mut body = rig.open(&[], ask("hi", true)).await.into_body();
    let mut seen = Vec::new();
    while !String::from_utf8_lossy(&seen).contains("Hello ") {
        seen.extend_from_slice(&body.frame().await.unwrap().unwrap().into_data().unwrap());
    }
}

#[tokio::test]
async fn a_giant_event_passes_whole_and_what_follows_is_read_as_ever() {
    let api = provider().await;
    let rig =
        Rig::start(&format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", external("api", &api)))
            .await;
    let reply = format!("{} and the rest", "x".repeat(3 << 20));
    api.script(Script { reply: reply.clone(), piece_bytes: 60_000, ..Script::default() });
    let (content, events) = read(&rig.chat(ask("hi", true)).await.body);
    assert!(content == reply, "{} bytes of {}", content.len(), reply.len());
    assert_eq!(events.last().unwrap(), "data: [DONE]");
    assert!(!events.iter().any(|event| event.contains("\"choices\":[]")), "usage nobody asked for");
    assert_eq!(rig.usage("api").completion_tokens, api.seen().completion_tokens);
}

#[tokio::test]
async fn an_api_that_reports_usage_unasked_is_not_asked_for_it() {
    let api = Raw::deciding(|body| {
        if body.contains("stream_options") {
            return whole("422 Unprocessable Entity", r#"{"object":"error","type":"extra_forbidden"}"#);
        }
        let last = r#"data: {"choices":[{"index":0,"delta":{"content":""},"finish_reason":"stop"}],"usage":{"prompt_tokens":7,"completion_tokens":3,"total_tokens":10}}"#;
        chunked(&[&says("Bon"), &says("jour"), last, "\n\n", "data: [DONE]\n\n"])
    })
    .await;
    let rig = Rig::start(&format!(
        "backends:\n- {{name: api, external: {{provider: Mistral, baseUrl: 'http://{}/v1', model: m, credentials: {{apiKey: {KEY}}}}}}}\ndefault: {{backends: [{{name: api}}]}}",
        api.address
    ))
    .await;
    for options in ["", r#""stream_options":{"include_usage":true},"#, r#""stream_options":null,"#] {
        let reply = rig.chat(ask("hi", true).replacen('{', &format!("{{{options}"), 1)).await;
        assert_eq!(reply.status, 200, "{options}");
        let (content, events) = read(&reply.body);
        assert_eq!((content.as_str(), events.len()), ("Bonjour", 4), "{options}");
    }
    let reply = rig.chat(ask("hi", false).replacen('{', r#"{"stream_options":{},"#, 1)).await;
    assert_eq!(reply.status, 200);
    let counted = rig.usage("api");
    assert_eq!((counted.prompt_tokens, counted.completion_tokens), (28, 12));
}
