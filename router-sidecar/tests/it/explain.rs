//! `POST /explain`: what would become of a request, without sending it.

use crate::rig::{KEY, Reply, Rig, ask, engine, external, fleet, provider};
use flotilla_e2e::provider::Provider;

async fn rig() -> (Rig, Provider, Provider) {
    let (pod, api) = (engine().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\nrules:\n- {{name: phi, match: {{dataClasses: [PHI]}}, route: {{backends: [{{name: fleet}}]}}, boundary: InCluster}}\ndefault: {{backends: [{{name: fleet, weight: 95}}, {{name: api, weight: 5}}], fallback: [api]}}\nsensitivity: {{detectors: [SSN], onDetect: PHI}}\nbudgets: [{{name: daily, per: Day, tokens: 2000, onExceeded: FleetOnly}}]",
        fleet("fleet", &[pod.address]),
        external("api", &api)
    ))
    .await;
    (rig, pod, api)
}

async fn explained(rig: &Rig, headers: &[(&str, &str)], body: String) -> serde_json::Value {
    let reply = Reply::of(rig.post("/explain", headers, body).await).await;
    assert_eq!(reply.status, 200, "{reply:?}");
    assert!(!String::from_utf8_lossy(&reply.body).contains(KEY));
    reply.json()
}

#[tokio::test]
async fn the_split_the_order_and_the_price_are_told_and_nothing_is_sent() {
    let (rig, pod, api) = rig().await;
    let told = explained(&rig, &[], ask("hi", true)).await;
    assert_eq!((&told["policy"], &told["rule"]), (&"team/assistant".into(), &"default".into()));
    assert_eq!(
        told["ways"],
        serde_json::json!([{"percent": 95.0, "targets": ["fleet", "api"]}, {"percent": 5.0, "targets": ["api"]}])
    );
    // 5 tokens of a prompt and 1,024 of an answer.
    assert_eq!(told["targets"][1]["reservesUsd"], "0.0102525");
    assert_eq!((pod.seen().requests, api.seen().requests), (0, 0));
    assert_eq!(rig.router.store.current().unwrap().policies[0].budgets[0].purses.of(None).taken(), 0);
}

#[tokio::test]
async fn it_is_what_the_request_then_does() {
    let (rig, _pod, _api) = rig().await;
    let long = ask("hi", true).replacen('{', r#"{"max_tokens":5000,"#, 1);
    for (headers, body, way) in [
        (&[][..], ask("My SSN is 123-45-6789", false), "fleet"),
        (&[("x-data-class", "phi")], ask("hi", false), "fleet"),
        // More than the budget has: what goes out is not paid for.
        (&[], long, "fleet"),
    ] {
        let told = explained(&rig, headers, body.clone()).await;
        assert_eq!(told["ways"], serde_json::json!([{"percent": 100.0, "targets": [way]}]), "{told}");
        assert!(!told["reasons"].as_array().unwrap().is_empty());
        assert_eq!(rig.chat_with(headers, body).await.backend(), way);
    }
    let told = explained(&rig, &[("x-data-class", "phi")], ask("hi", false)).await;
    assert_eq!((&told["dataClasses"], &told["rule"]), (&serde_json::json!(["phi"]), &"phi".into()));
    let unknown = Reply::of(rig.post("/explain", &[], r#"{"model":"nobody","messages":[]}"#).await).await;
    assert_eq!((unknown.status.as_u16(), unknown.code().as_str()), (404, "model_not_found"));
}

#[tokio::test]
async fn what_would_be_refused_is_told_with_its_code() {
    let (rig, _pod, api) = rig().await;
    rig.apply(&format!(
        "backends:\n{}\nrules:\n- {{name: phi, match: {{dataClasses: [PHI]}}, route: {{backends: [{{name: api}}]}}, boundary: InCluster}}\ndefault: {{backends: [{{name: api}}]}}",
        external("api", &api)
    ));
    let told = explained(&rig, &[("x-data-class", "phi")], ask("hi", false)).await;
    assert_eq!(
        (&told["refused"]["code"], &told["refused"]["status"]),
        (&"data_boundary".into(), &403.into())
    );
    assert_eq!(told["ways"], serde_json::json!([]));
}
