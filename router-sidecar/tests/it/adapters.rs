//! A model with LoRA adapters answers to one more name for each.

use crate::rig::{Reply, Rig, engine, external, fleet, provider};

const MESSAGES: &str = r#""messages":[{"role":"user","content":"hi"}]"#;

async fn chat(rig: &Rig, model: &str) -> Reply {
    let body = format!(r#"{{"model":"{model}",{MESSAGES}}}"#);
    Reply::of(rig.post("/v1/chat/completions", &[], body).await).await
}

fn with_adapters(backend: &str, adapters: &str) -> String {
    let with = format!("fleet: {{adapters: [{adapters}], ");
    backend.replacen("fleet: {", &with, 1)
}

#[tokio::test]
async fn an_adapter_is_asked_for_by_its_number_or_by_a_name() {
    let (llama, vllm, api) = (engine().await, engine().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\n{}\ndefault: {{backends: [{{name: api}}], fallback: [llama, vllm]}}",
        with_adapters(
            &fleet("llama", &[llama.address]),
            "{name: poet, choice: {lora: 0}}, {name: legal, choice: {lora: 1}}"
        ),
        with_adapters(&fleet("vllm", &[vllm.address]), "{name: medic, choice: {model: 'base:medic'}}"),
        external("api", &api)
    ))
    .await;
    let names = rig.get("/v1/models").await.json()["data"].clone();
    let names: Vec<_> =
        names.as_array().unwrap().iter().map(|model| model["id"].as_str().unwrap().to_owned()).collect();
    assert_eq!(names, ["assistant", "assistant:legal", "assistant:medic", "assistant:poet"]);

    let reply = chat(&rig, "assistant:legal").await;
    assert_eq!((reply.status.as_u16(), reply.backend()), (200, "llama"));
    let sent = llama.last().body;
    assert_eq!(sent, format!(r#"{{"model":"m","lora":[{{"id":1,"scale":1.0}}],{MESSAGES}}}"#));
    let reply = chat(&rig, "assistant:medic").await;
    // The stand-in does not know the name, and says so.
    assert_eq!((reply.status.as_u16(), reply.backend()), (404, "vllm"));
    assert_eq!(vllm.last().body, format!(r#"{{"model":"base:medic",{MESSAGES}}}"#));
    // The model itself goes where it went before.
    assert_eq!(chat(&rig, "assistant").await.backend(), "api");
    assert_eq!(api.last().body, format!(r#"{{"model":"m",{MESSAGES}}}"#));
    let reply = chat(&rig, "assistant:chef").await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (404, "model_not_found"));
    assert_eq!((llama.seen().requests, vllm.seen().requests, api.seen().requests), (1, 1, 1));
}

#[tokio::test]
async fn the_model_itself_is_asked_for_without_any() {
    let (llama, vllm) = (engine().await, engine().await);
    let both = "{name: poet, choice: {lora: 0}}, {name: legal, choice: {lora: 1}}";
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\nrules:\n- {{name: long, match: {{promptTokens: {{moreThan: 50}}}}, route: {{backends: [{{name: vllm}}]}}}}\ndefault: {{backends: [{{name: llama}}]}}",
        with_adapters(&fleet("llama", &[llama.address]), both),
        with_adapters(&fleet("vllm", &[vllm.address]), "{name: medic, choice: {model: 'base:medic'}}"),
    ))
    .await;
    assert_eq!(chat(&rig, "assistant").await.status.as_u16(), 200);
    let off = r#""lora":[{"id":0,"scale":0.0},{"id":1,"scale":0.0}]"#;
    assert_eq!(llama.last().body, format!(r#"{{"model":"m",{off},{MESSAGES}}}"#));
    let long = format!(
        r#"{{"model":"assistant","messages":[{{"role":"user","content":"{}"}}]}}"#,
        "word ".repeat(100)
    );
    assert_eq!(Reply::of(rig.post("/v1/chat/completions", &[], long.clone()).await).await.backend(), "vllm");
    assert_eq!(vllm.last().body, long.replace("assistant", "m"));
}

#[tokio::test]
async fn an_adapter_stays_at_the_pod_that_has_it_in_use() {
    let pods = [engine().await, engine().await, engine().await, engine().await];
    let addresses = pods.each_ref().map(|pod| pod.address);
    let both = "{name: poet, choice: {lora: 0}}, {name: legal, choice: {lora: 1}}";
    let rig = Rig::start(&format!(
        "backends:\n{}\ndefault: {{backends: [{{name: llama}}]}}",
        with_adapters(&fleet("llama", &addresses), both)
    ))
    .await;
    let mut served = vec![0; pods.len()];
    for adapter in ["poet", "legal"] {
        for _ in 0..20 {
            // Streams: their end is told after they are settled, so that the next one finds nothing under way.
            let body = format!(r#"{{"model":"assistant:{adapter}","stream":true,{MESSAGES}}}"#);
            let reply = Reply::of(rig.post("/v1/chat/completions", &[], body).await).await;
            assert_eq!(reply.status.as_u16(), 200);
        }
        let now: Vec<_> = pods.iter().map(|pod| pod.seen().requests).collect();
        let mut more: Vec<_> = now.iter().zip(&served).map(|(now, before)| now - before).collect();
        more.sort_unstable();
        assert_eq!(more, [0, 0, 0, 20], "{adapter}");
        served = now;
    }
}

#[tokio::test]
async fn an_adapter_that_no_route_reaches_is_told() {
    let (llama, api) = (engine().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: api}}]}}",
        with_adapters(&fleet("llama", &[llama.address]), "{name: poet, choice: {lora: 0}}"),
        external("api", &api)
    ))
    .await;
    let reply = chat(&rig, "assistant:poet").await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (404, "model_not_found"));
    assert!(reply.json()["error"]["message"].as_str().unwrap().contains("adapter"));
    assert_eq!((llama.seen().requests, api.seen().requests), (0, 0));
}
