//! Requests as they come in and go out.

use crate::rig::{Rig, ask, external, provider};
use flotilla_router::serve::Limits;

#[tokio::test]
async fn a_body_reaches_the_target_byte_for_byte_but_for_the_model() {
    let api = provider().await;
    let rig =
        Rig::start(&format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", external("api", &api)))
            .await;
    let body = "{ \"future_field\" : {\"x\": [1.0e0, null, \"\\u00e4 🚀\"]},\n\t\"model\":\"assistant\", \"temperature\":0.70, \"messages\":[{\"role\":\"user\",\"content\":\"hi\",\"weird\":true}],\"model_hint\":\"assistant\" }\n";
    assert_eq!(rig.chat(body).await.status, 200);
    assert_eq!(api.last().body, body.replacen("\"assistant\"", "\"m\"", 1));
    // A prompt of many pieces, too.
    let long = ask(&"langer Text, äöü ".repeat(20_000), false);
    assert_eq!(rig.chat(long.clone()).await.status, 200);
    assert_eq!(api.last().body, long.replacen("\"assistant\"", "\"m\"", 1));
}

#[tokio::test]
async fn requests_that_cannot_be_routed_are_answered_in_openais_form() {
    let api = provider().await;
    let policy = format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", external("api", &api));
    let rig = Rig::bare(Limits { body: 10_000, ..Limits::default() }).await;
    let reply = rig.chat(ask("hi", false)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (503, "router_not_configured"));
    assert_eq!(rig.get("/readyz").await.status, 503);
    assert_eq!(rig.get("/healthz").await.status, 200);
    rig.apply(&policy);
    assert_eq!(rig.get("/readyz").await.status, 200);
    for (body, status, code, param) in [
        ("{\"model\": ".to_owned(), 400, "invalid_json", None),
        ("[".repeat(9000), 400, "invalid_json", None),
        (String::new(), 400, "invalid_json", None),
        ("{\"model\": 5}".to_owned(), 400, "invalid_request", None),
        ("{\"messages\": []}".to_owned(), 400, "missing_required_parameter", Some("model")),
        (ask("hi", false).replace("assistant", &"x".repeat(9000)), 400, "invalid_request", None),
        (ask("hi", false).replace("assistant", "gpt-9"), 404, "model_not_found", Some("model")),
        (ask(&"x".repeat(10_000), false), 413, "request_too_large", None),
    ] {
        let reply = rig.chat(body.clone()).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (status, code), "{body:.80}");
        assert_eq!(reply.json()["error"]["param"].as_str(), param);
        assert!(reply.body.len() < 1000, "{body:.80}: quoted");
    }
    for body in [&b"\xff\xfe"[..], b"{\"model\":\"assistant\",\"user\":\"\xc3\x28\",\"messages\":[]}"] {
        let reply = rig.chat(body).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "invalid_json"), "{body:?}");
    }
    assert_eq!(api.seen().requests, 0);
}

#[tokio::test]
async fn models_are_listed_as_openai_lists_them() {
    let api = provider().await;
    let rig =
        Rig::start(&format!("backends:\n{}\ndefault: {{backends: [{{name: api}}]}}", external("api", &api)))
            .await;
    let list = rig.get("/v1/models").await.json();
    assert_eq!(list["object"], "list");
    assert_eq!(list["data"][0]["id"], "assistant");
    assert_eq!(rig.get("/v1/models/assistant").await.json()["object"], "model");
    let encoded = rig.get("/v1/models/assist%61nt").await.json();
    assert_eq!((&encoded["object"], &encoded["id"]), (&"model".into(), &"assistant".into()));
    assert_eq!(rig.get("/v1/models/other").await.code(), "model_not_found");
    assert_eq!(rig.get("/v1/other").await.code(), "unknown_url");
    let reply = rig.get("/v1/chat/completions").await;
    assert_eq!((reply.status.as_u16(), reply.header("allow")), (405, "POST"));
}
