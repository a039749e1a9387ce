//! Requests that go outside while the fleet cannot take them, and come back.

use crate::rig::{Rig, ask, engine, eventually, external, provider};
use flotilla_e2e::provider::Provider;
use http::StatusCode;
use std::net::SocketAddr;
use std::sync::Arc;

/// One fleet backend at these pods that spills as said, one API that no route names, and a class that stays.
fn policy(api: &Provider, pods: &[SocketAddr], spill: &str) -> String {
    let endpoints: Vec<_> = pods.iter().map(|pod| format!("{{address: '{pod}'}}")).collect();
    format!(
        "backends:\n- {{name: pods, fleet: {{model: m, endpoints: [{}], hold: {{maxRequests: 10, timeoutMs: 60000, startMs: 1000}}{spill}}}}}\n{}\nrules:\n- {{name: phi, match: {{dataClasses: [PHI]}}, route: {{backends: [{{name: pods}}]}}, boundary: InCluster}}\ndefault: {{backends: [{{name: pods}}]}}",
        endpoints.join(", "),
        external("api", api),
    )
}

const AT_ZERO: &str = ", spill: {backend: api, state: ScaledToZero, percent: 100}";

#[tokio::test]
async fn at_zero_requests_go_outside_but_for_those_that_must_stay_and_are_demand_all_the_same() {
    let api = provider().await;
    let rig = Arc::new(Rig::start(&policy(&api, &[], AT_ZERO)).await);
    let reply = rig.chat_with(&[("x-flotilla-explain", "1")], ask("hello", true)).await;
    assert_eq!((reply.status, reply.backend()), (StatusCode::OK, "api"));
    let decision = reply.header("x-flotilla-decision");
    assert!(decision.contains("pods spills 100 of 100 to api: ScaledToZero"), "{decision}");
    let demand =
        |rig: &Rig| flotilla_router::account::demands(&rig.router.store.current().unwrap()).remove(0);
    assert!(demand(&rig).offered_prompt_tokens > 0);
    assert_eq!((demand(&rig).in_flight, demand(&rig).served_completion_tokens), (0, 0));

    let waits = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.chat_with(&[("x-data-class", "phi")], ask("a patient", false)).await }
    });
    eventually("it waits", || demand(&rig).in_flight == 1).await;
    let pod = engine().await;
    rig.apply(&policy(&api, &[pod.address], ""));
    let reply = waits.await.unwrap();
    assert_eq!((reply.status, reply.backend()), (StatusCode::OK, "pods"));
    assert_eq!(rig.chat(ask("hello", false)).await.backend(), "pods", "it came back");
    assert_eq!(api.seen().requests, 1);
    let metrics = rig.metrics().await;
    assert!(metrics.contains(r#"spills_total{backend="pods",policy="team/assistant"} 1"#), "{metrics}");
}

#[tokio::test]
async fn of_a_full_fleet_only_the_share_goes_outside() {
    let (api, pod) = (provider().await, engine().await);
    let full = ", spill: {backend: api, state: Saturated, percent: 30}";
    let rig = Rig::start(&policy(&api, &[pod.address], full)).await;
    for n in 0..100 {
        assert_eq!(rig.chat(ask("hello", n % 2 == 0)).await.status, StatusCode::OK);
    }
    let outside = api.seen().requests;
    assert!((28..=32).contains(&outside), "{outside} of 100 at 30 %");
    assert_eq!(pod.seen().requests + outside, 100);
}

#[tokio::test]
async fn where_outside_fails_the_fleet_answers() {
    let (api, pod) = (provider().await, engine().await);
    let full = ", spill: {backend: api, state: Saturated, percent: 95}";
    let nobody = policy(&api, &[pod.address], full).replace(&api.base_url(), "http://127.0.0.1:9/v1");
    let rig = Rig::start(&nobody).await;
    for _ in 0..10 {
        let reply = rig.chat(ask("hello", true)).await;
        assert_eq!((reply.status, reply.backend()), (StatusCode::OK, "pods"), "{reply:?}");
    }
}

/// What the spill target may cost is a budget's, and what becomes of requests then is said by it.
#[tokio::test]
async fn where_the_budget_outside_is_spent_requests_stay_with_the_fleet_or_are_refused() {
    let (api, pod) = (provider().await, engine().await);
    let full = ", spill: {backend: api, state: Saturated, percent: 100}";
    for (then, status) in [("FleetOnly", 200), ("Fallback", 200), ("Reject", 429)] {
        let budget =
            format!("\nbudgets: [{{name: outside, per: Month, usd: '0.000001', onExceeded: {then}}}]");
        let rig = Rig::start(&(policy(&api, &[pod.address], full) + &budget)).await;
        let reply = rig.chat(ask("hello", true)).await;
        assert_eq!(reply.status.as_u16(), status, "{then}: {reply:?}");
        if status == 200 {
            assert_eq!(reply.backend(), "pods", "{then}");
        } else {
            assert_eq!(reply.code(), "insufficient_quota");
        }
        assert_eq!(api.seen().requests, 0, "{then}");
    }
    // While there is no replica either, those that may wait do not go outside without money.
    let budget = "\nbudgets: [{name: outside, per: Month, usd: '0.000001', onExceeded: FleetOnly}]";
    let rig = Arc::new(Rig::start(&(policy(&api, &[], AT_ZERO) + budget)).await);
    let waits = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.chat(ask("hello", false)).await }
    });
    let in_flight = |rig: &Rig| {
        flotilla_router::account::demands(&rig.router.store.current().unwrap()).remove(0).in_flight
    };
    eventually("it waits", || in_flight(&rig) == 1).await;
    rig.apply(&policy(&api, &[pod.address], ""));
    let reply = waits.await.unwrap();
    assert_eq!((reply.status, reply.backend()), (StatusCode::OK, "pods"));
    assert_eq!(api.seen().requests, 0);
}

fn in_flight(rig: &Rig) -> u32 {
    flotilla_router::account::demands(&rig.router.store.current().unwrap()).remove(0).in_flight
}

#[tokio::test]
async fn who_waits_goes_outside_once_the_model_spills_but_for_those_that_must_stay() {
    for state in ["ScaledToZero", "NoFreeGPU"] {
        let api = provider().await;
        let rig = Arc::new(Rig::start(&policy(&api, &[], "")).await);
        let ask_as = |class: &'static str, stream| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.chat_with(&[("x-data-class", class)], ask("hello", stream)).await })
        };
        let free = [ask_as("", false), ask_as("", true)];
        let bound = ask_as("phi", false);
        eventually("all wait", || in_flight(&rig) == 3).await;
        rig.apply(&policy(&api, &[], &format!(", spill: {{backend: api, state: {state}, percent: 100}}")));
        for request in free {
            let reply = request.await.unwrap();
            assert_eq!((reply.status, reply.backend()), (StatusCode::OK, "api"), "{state}: {reply:?}");
        }
        eventually("the other one waits", || in_flight(&rig) == 1).await;
        let pod = engine().await;
        rig.apply(&policy(&api, &[pod.address], ""));
        let reply = bound.await.unwrap();
        assert_eq!((reply.status, reply.backend()), (StatusCode::OK, "pods"), "{state}: {reply:?}");
        assert_eq!((api.seen().requests, in_flight(&rig)), (2, 0), "{state}");
    }
}

#[tokio::test]
async fn who_waits_goes_outside_once_an_api_of_the_route_can_be_used() {
    let api = provider().await;
    let with = policy(&api, &[], "").replacen("default: {", "default: {fallback: [api], ", 1);
    let without = with.replacen("{name: api,", "{name: api, unavailable: no key yet,", 1);
    let rig = Arc::new(Rig::start(&without).await);
    let waits = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.chat(ask("hello", true)).await }
    });
    eventually("it waits", || in_flight(&rig) == 1).await;
    rig.apply(&with);
    let reply = waits.await.unwrap();
    assert_eq!((reply.status, reply.backend()), (StatusCode::OK, "api"), "{reply:?}");
    assert_eq!(in_flight(&rig), 0);
}
