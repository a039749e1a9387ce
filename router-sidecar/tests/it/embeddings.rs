//! Embeddings go the same way as chats, and are accounted and kept in the cluster alike.

use crate::rig::{Reply, Rig, anthropic, engine, external, fleet, provider};

async fn embed(rig: &Rig, headers: &[(&str, &str)], input: &str) -> Reply {
    let body = format!(r#"{{"input":{input},"model":"assistant","dimensions":2}}"#);
    Reply::of(rig.post("/v1/embeddings", headers, body).await).await
}

#[tokio::test]
async fn embeddings_are_routed_counted_and_bound() {
    let (pod, api) = (engine().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\nrules:\n- {{name: phi, match: {{dataClasses: [PHI]}}, route: {{backends: [{{name: fleet}}]}}, boundary: InCluster}}\ndefault: {{backends: [{{name: api}}]}}",
        fleet("fleet", &[pod.address]),
        external("api", &api)
    ))
    .await;
    let reply = embed(&rig, &[], r#"["three words here", "two more"]"#).await;
    assert_eq!((reply.status.as_u16(), reply.backend()), (200, "api"));
    assert_eq!(reply.json()["data"][0]["embedding"][1], -0.5);
    assert_eq!(api.last().body, r#"{"input":["three words here", "two more"],"model":"m","dimensions":2}"#);
    let usage = rig.usage("api");
    assert_eq!((usage.requests, usage.prompt_tokens, usage.completion_tokens), (1, 5, 0));
    // 5 tokens at 2.50 USD a million.
    assert_eq!(usage.cost.0, 12_500);

    let reply = embed(&rig, &[("x-data-class", "PHI")], r#""a secret""#).await;
    assert_eq!((reply.status.as_u16(), reply.backend()), (200, "fleet"));
    assert_eq!((api.seen().requests, rig.usage("fleet").prompt_tokens), (1, 2));
}

#[tokio::test]
async fn an_api_without_embeddings_is_passed_over_and_an_input_has_a_window_for_itself() {
    let (claude, api) = (provider().await, provider().await);
    let small = external("api", &api).replacen("model: m,", "model: m, contextWindow: 8,", 1);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{small}\ndefault: {{backends: [{{name: claude}}], fallback: [api]}}",
        anthropic("claude", &claude)
    ))
    .await;
    // 12 inputs of 7 tokens: none is longer than the window.
    let inputs = serde_json::to_string(&["seven tokens in 28 bytes ..."; 12]).unwrap();
    let reply = embed(&rig, &[], &inputs).await;
    assert_eq!((reply.status.as_u16(), reply.backend()), (200, "api"));
    assert_eq!(claude.seen().requests, 0);
    // This one is, and no other target has embeddings.
    let reply = embed(&rig, &[], &serde_json::to_string(&"x".repeat(100)).unwrap()).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "unsupported_parameter"));
    assert_eq!(reply.json()["error"]["param"], "input");
    let reply = embed(&rig, &[], "5").await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "invalid_request"));
    assert_eq!(rig.get("/v1/embeddings").await.header("allow"), "POST");
}
