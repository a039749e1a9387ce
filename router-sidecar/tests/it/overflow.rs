//! Prompts that do not fit, in the forms in which engines say so.

use crate::raw::{Raw, chunked, whole};
use crate::rig::{Reply, Rig, ask, engine, external, fleet, provider, with_window};
use flotilla_e2e::provider::{Fault, Provider, Script};
use std::net::SocketAddr;

const VLLM: &str = r#"{"error":{"message":"You passed 4097 input tokens and requested 0 output tokens. However, the model's context length is only 4096 tokens, resulting in a maximum input length of 4096 tokens.","type":"BadRequestError","param":"input_tokens","code":400}}"#;
const SGLANG: &str = r#"{"object":"error","message":"Input length (5000 tokens) exceeds the maximum allowed length (4091 tokens). Use a shorter input or enable --allow-auto-truncate.","type":"BadRequestError","param":null,"code":400}"#;
const LLAMA: &str = r#"{"error":{"code":500,"message":"input (700 tokens) is too large to process. increase the physical batch size (current batch size: 512)","type":"server_error"}}"#;

/// More requests than it takes failures in a row to eject an endpoint.
const MANY: usize = 7;

/// Two endpoints of one fleet that say this, another backend of their size, and a larger one.
async fn fleet_that_says(answer: String) -> ([Raw; 2], [Provider; 2], Rig) {
    let small = [Raw::start(answer.clone()).await, Raw::start(answer).await];
    let (same, large) = (engine().await, provider().await);
    let fleet = |name: &str, pods: &[SocketAddr]| {
        let fleet = crate::rig::fleet(name, pods);
        fleet.replacen("model: m,", "model: m, contextWindow: 8192,", 1)
    };
    let window = |text: String| text.replacen("model: m,", "model: m, contextWindow: 128000,", 1);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\n{}\ndefault: {{backends: [{{name: small}}], fallback: [same, large]}}",
        fleet("small", &[small[0].address, small[1].address]),
        fleet("same", &[same.address]),
        window(external("large", &large))
    ))
    .await;
    (small, [same, large], rig)
}

/// All requests went to the larger target, and those before it are thought well of.
fn assert_only_larger(small: &[Raw], same: &Provider, rig: &Rig, replies: &[Reply]) {
    for reply in replies {
        assert_eq!((reply.status.as_u16(), reply.backend()), (200, "large"), "{:?}", reply.body);
    }
    // Each was asked of one endpoint, and to the end: none of them was left alone.
    assert_eq!((small[0].asked() + small[1].asked(), same.seen().requests), (MANY, 0));
    assert_eq!(rig.usage("large").failed, 0);
}

#[tokio::test]
async fn a_prompt_that_does_not_fit_goes_to_a_larger_window_and_blames_nobody() {
    let event = format!("data: {SGLANG}\n\n");
    let nested = format!("data: {{\"error\":{SGLANG}}}\n\n");
    let done = "data: [DONE]\n\n";
    for (answer, stream) in [
        (whole("400 Bad Request", VLLM), false),
        (whole("400 Bad Request", SGLANG), true),
        (chunked(&[&event, done]), true),
        (chunked(&[&format!("{nested}{done}")]), true),
    ] {
        let (small, [same, _large], rig) = fleet_that_says(answer).await;
        let mut replies = Vec::new();
        for _ in 0..MANY {
            replies.push(rig.chat(ask("hi", stream)).await);
        }
        assert_only_larger(&small, &same, &rig, &replies);
    }
}

#[tokio::test]
async fn an_input_that_llama_server_calls_its_own_failure_does_as_well() {
    let (small, [same, _large], rig) = fleet_that_says(whole("500 Internal Server Error", LLAMA)).await;
    let mut replies = Vec::new();
    for _ in 0..MANY {
        let body = r#"{"input":"hi","model":"assistant"}"#;
        replies.push(Reply::of(rig.post("/v1/embeddings", &[], body).await).await);
    }
    assert_only_larger(&small, &same, &rig, &replies);
}

#[tokio::test]
async fn the_field_that_is_too_long_is_that_of_the_operation() {
    let refusals = [
        whole("400 Bad Request", VLLM),
        whole("413 Payload Too Large", SGLANG),
        whole("422 Unprocessable Entity", VLLM),
    ];
    for refusal in refusals {
        let api = Raw::start(refusal).await;
        let rig = Rig::start(&format!(
            "backends:\n{}\ndefault: {{backends: [{{name: api}}]}}",
            crate::rig::fleet("api", &[api.address])
        ))
        .await;
        let embedding = r#"{"input":"hi","model":"assistant"}"#.to_owned();
        for (path, body, field) in
            [("/v1/embeddings", embedding, "input"), ("/v1/chat/completions", ask("hi", true), "messages")]
        {
            let reply = Reply::of(rig.post(path, &[], body).await).await;
            assert_eq!((reply.status.as_u16(), reply.code().as_str()), (400, "context_length_exceeded"));
            assert_eq!(reply.json()["error"]["param"], field);
        }
    }
}

#[tokio::test]
async fn any_other_failure_of_a_server_is_one() {
    let wrong = r#"{"error":{"code":500,"message":"CUDA error: out of memory","type":"server_error"}}"#;
    for answer in [
        whole("500 Internal Server Error", wrong),
        // Its reason never comes: it is not waited for until the request's deadline.
        "HTTP/1.1 500 Internal Server Error\r\ncontent-length: 9\r\n\r\n{".to_owned(),
    ] {
        let (small, [same, _large], rig) = fleet_that_says(answer).await;
        assert_eq!(rig.chat(ask("hi", false)).await.backend(), "same");
        assert_eq!((small[0].asked(), small[1].asked(), same.seen().requests), (1, 1, 1));
    }
}

#[tokio::test]
async fn a_prompt_that_does_not_fit_goes_on_though_no_retry_is_left() {
    let (small, [large, larger]) =
        (Raw::start(whole("400 Bad Request", VLLM)).await, [engine().await, engine().await]);
    let of = |name: &str, pod: SocketAddr, window| with_window(&fleet(name, &[pod]), window);
    let full =
        of("full", larger.address, 200_000).replacen("fleet:", "concurrency: {maxRequests: 1}, fleet:", 1);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{full}\n{}\n{}\ndefault: {{backends: [{{name: small}}], fallback: [full, large, larger]}}\nretries: {{budgetPercent: 0, minPerSecond: 0}}",
        of("small", small.address, 8192),
        of("large", large.address, 128_000),
        of("larger", larger.address, 200_000)
    ))
    .await;
    // Who is passed over on the way changes nothing.
    let gate = rig.router.store.current().unwrap().policies[0].backends[1].gate.clone().unwrap().0;
    let _place = gate.try_enter().unwrap();
    let reply = rig.chat(ask("hi", false)).await;
    assert_eq!((reply.status.as_u16(), reply.backend(), small.asked()), (200, "large", 1), "{reply:?}");
    // What fails after that is sent again only for what there is to pay with.
    large.script(Script { faults: [Fault::Status(500)].into(), ..Script::default() });
    let reply = rig.chat(ask("hi", false)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (502, "upstream_error"), "{reply:?}");
    assert_eq!(larger.seen().requests, 0);
}
