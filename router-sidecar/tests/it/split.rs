//! Weights, tokens and money.

use crate::rig::{Rig, ask, engine, external, fleet, provider};

#[tokio::test]
async fn two_hundred_requests_split_as_asked_and_every_token_is_accounted() {
    let (pod, api) = (engine().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: fleet, weight: 95}}, {{name: api, weight: 5}}]}}",
        fleet("fleet", &[pod.address]),
        external("api", &api)
    ))
    .await;
    for round in 0..200 {
        let reply = rig.chat(ask("count these four words", round % 2 == 0)).await;
        assert_eq!(reply.status, 200);
        assert!(["fleet", "api"].contains(&reply.backend()));
    }
    let (fleet, out) = (rig.usage("fleet"), rig.usage("api"));
    assert!((8..=12).contains(&out.requests), "{} of 200 for a share of 5 %", out.requests);
    assert_eq!(fleet.requests + out.requests, 200);
    for (counted, billed) in [(&fleet, pod.seen()), (&out, api.seen())] {
        assert_eq!(counted.requests, billed.requests);
        assert_eq!(counted.failed, 0);
        assert_eq!(counted.prompt_tokens, billed.prompt_tokens);
        assert_eq!(counted.completion_tokens, billed.completion_tokens);
    }
    // 2.50 USD and 10 USD a million are 2,500 and 10,000 nano-dollars a token.
    assert_eq!(out.cost.0, out.prompt_tokens * 2_500 + out.completion_tokens * 10_000);
    assert_eq!(fleet.cost.0, 0);
    let metrics = String::from_utf8(rig.get("/metrics").await.body.to_vec()).unwrap();
    let line = format!(
        "flotilla_router_cost_nano_usd_total{{backend=\"api\",policy=\"team/assistant\"}} {}",
        out.cost.0
    );
    assert!(metrics.contains(&line), "{metrics}");
}

#[tokio::test]
async fn pods_of_one_backend_share_its_requests_and_a_dead_one_costs_nothing() {
    let (one, two) = (engine().await, engine().await);
    let dead = crate::rig::nobody();
    let rig = Rig::start(&format!(
        "backends:\n{}\ndefault: {{backends: [{{name: fleet}}]}}",
        fleet("fleet", &[one.address, two.address, dead])
    ))
    .await;
    for _ in 0..60 {
        assert_eq!(rig.chat(ask("hi", false)).await.status, 200);
    }
    assert_eq!(one.seen().requests + two.seen().requests, 60);
    assert!(one.seen().requests > 10 && two.seen().requests > 10);
}
