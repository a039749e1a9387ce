//! Requests at a fleet backend without a replica: held until there is one, within bounds.

use crate::rig::{Reply, Rig, ask, engine, eventually};
use flotilla_e2e::provider::Provider;
use http::StatusCode;
use http_body_util::BodyExt;
use std::net::SocketAddr;
use std::sync::Arc;

/// A policy with one fleet backend at these pods, at which so many requests may wait for so long.
fn policy(pods: &[SocketAddr], most: u32, timeout_ms: u64) -> String {
    let endpoints: Vec<_> = pods.iter().map(|pod| format!("{{address: '{pod}'}}")).collect();
    format!(
        "backends:\n- {{name: pods, fleet: {{model: m, endpoints: [{}], hold: {{maxRequests: {most}, timeoutMs: {timeout_ms}, startMs: 42000}}}}}}\ndefault: {{backends: [{{name: pods}}]}}",
        endpoints.join(", ")
    )
}

fn held(rig: &Rig) -> usize {
    rig.router.store.current().unwrap().policies[0].backends[0].held.len()
}

fn demand(rig: &Rig) -> flotilla_crds::router_config::BackendDemand {
    flotilla_router::account::demands(&rig.router.store.current().unwrap()).remove(0)
}

async fn pod() -> Provider {
    engine().await
}

#[tokio::test]
async fn requests_wait_for_the_first_replica_and_are_demand_meanwhile() {
    let rig = Arc::new(Rig::start(&policy(&[], 500, 60_000)).await);
    let requests: Vec<_> = (0..100)
        .map(|n| {
            let rig = Arc::clone(&rig);
            tokio::spawn(async move { rig.chat(ask("hello", n % 2 == 0)).await })
        })
        .collect();
    eventually("all wait", || held(&rig) == 100).await;
    let waiting = demand(&rig);
    assert_eq!(waiting.in_flight, 100);
    assert!(
        waiting.waiting_prompt_tokens > 0 && waiting.offered_prompt_tokens == waiting.waiting_prompt_tokens
    );
    assert_eq!(waiting.waiting_completion_tokens, 256 * 100, "nothing is known of its answers yet");

    // A config that brings nothing changes nothing.
    rig.apply(&policy(&[], 400, 60_000));
    let pod = pod().await;
    rig.apply(&policy(&[pod.address], 500, 60_000));
    for request in requests {
        let reply = request.await.unwrap();
        assert_eq!((reply.status, reply.backend()), (StatusCode::OK, "pods"), "{reply:?}");
    }
    assert_eq!(pod.seen().requests, 100);
    let after = demand(&rig);
    assert_eq!((held(&rig), after.in_flight, after.waiting_prompt_tokens), (0, 0, 0));
    assert_eq!(after.in_flight_completion_tokens, 0);
    assert_eq!(after.offered_prompt_tokens, waiting.offered_prompt_tokens, "each is demand once");
}

#[tokio::test]
async fn who_finds_no_place_or_waits_too_long_is_told_when_to_come_back() {
    let rig = Arc::new(Rig::start(&policy(&[], 1, 1500)).await);
    let first = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.chat(ask("hello", true)).await }
    });
    eventually("one waits", || held(&rig) == 1).await;
    for reply in [rig.chat(ask("hello", false)).await, first.await.unwrap()] {
        assert_eq!(
            (reply.status, reply.code().as_str()),
            (StatusCode::SERVICE_UNAVAILABLE, "no_backend_ready")
        );
        assert_eq!(reply.header("retry-after"), "42");
    }
    assert_eq!((held(&rig), demand(&rig).in_flight), (0, 0));
    let nobody_waits = Rig::start(&policy(&[], 0, 60_000)).await;
    assert_eq!(nobody_waits.chat(ask("hello", false)).await.header("retry-after"), "42");
}

#[tokio::test]
async fn a_client_that_leaves_gives_its_place_back() {
    let rig = Arc::new(Rig::start(&policy(&[], 10, 60_000)).await);
    let waits = tokio::spawn({
        let rig = Arc::clone(&rig);
        async move { rig.chat(ask("hello", true)).await }
    });
    eventually("it waits", || held(&rig) == 1).await;
    waits.abort();
    eventually("it is gone", || held(&rig) == 0 && demand(&rig).in_flight == 0).await;
}

/// The pieces of a stream that waits in paused time, and what comes at its end.
async fn long_wait(end: impl AsyncFnOnce(&Rig)) -> (StatusCode, String) {
    let rig = Rig::start(&policy(&[], 10, 35_000)).await;
    tokio::time::pause();
    let response = rig.open(&[], ask("hello", true)).await;
    let status = response.status();
    let mut body = response.into_body();
    let mut seen = String::new();
    for _ in 0..2 {
        let piece = body.frame().await.unwrap().unwrap().into_data().unwrap();
        seen.push_str(std::str::from_utf8(&piece).unwrap());
    }
    assert_eq!(seen, ": waiting for a replica\n\n".repeat(2), "10 s and 20 s after it began");
    end(&rig).await;
    let rest = body.collect().await.unwrap().to_bytes();
    (status, String::from_utf8(rest.to_vec()).unwrap())
}

#[tokio::test]
async fn a_stream_that_waits_long_shows_signs_of_life_and_then_is_the_answer() {
    let pod = pod().await;
    let address = pod.address;
    let (status, rest) = long_wait(async |rig: &Rig| {
        tokio::time::resume();
        rig.apply(&policy(&[address], 10, 35_000));
    })
    .await;
    assert_eq!(status, StatusCode::OK);
    assert!(rest.starts_with("data: {") && rest.ends_with("data: [DONE]\n\n"), "{rest}");
}

#[tokio::test]
async fn a_stream_that_waited_in_vain_ends_with_an_event_that_says_so() {
    let (status, rest) = long_wait(async |_: &Rig| {}).await;
    assert_eq!(status, StatusCode::OK, "its head went out long ago");
    let event = rest.trim_start_matches(": waiting for a replica\n\n");
    let json: serde_json::Value =
        serde_json::from_str(event.strip_prefix("data: ").unwrap().trim_end()).unwrap();
    assert_eq!(json["error"]["code"], "no_backend_ready");
    assert!(event.ends_with("\n\n"));
}

#[tokio::test]
async fn without_a_hold_the_answer_is_at_once() {
    let none =
        "backends:\n- {name: pods, fleet: {model: m, endpoints: []}}\ndefault: {backends: [{name: pods}]}";
    let rig = Rig::start(none).await;
    let reply: Reply = rig.chat(ask("hello", true)).await;
    assert_eq!((reply.status, reply.header("retry-after")), (StatusCode::SERVICE_UNAVAILABLE, "2"));
    assert!(demand(&rig).offered_prompt_tokens > 0, "it is demand all the same");
}

/// A policy with two fleet backends at these pods, and a class that only the first may have.
fn pair(one: &[SocketAddr], two: &[SocketAddr]) -> String {
    let backend = |name: &str, pods: &[SocketAddr]| {
        let endpoints: Vec<_> = pods.iter().map(|pod| format!("{{address: '{pod}'}}")).collect();
        format!(
            "- {{name: {name}, fleet: {{model: m, endpoints: [{}], hold: {{maxRequests: 500, timeoutMs: 60000, startMs: 42000}}}}}}",
            endpoints.join(", ")
        )
    };
    format!(
        "backends:\n{}\n{}\nrules:\n- {{name: phi, match: {{dataClasses: [phi]}}, boundary: InCluster, route: {{backends: [{{name: one}}]}}}}\ndefault: {{backends: [{{name: one}}, {{name: two}}]}}",
        backend("one", one),
        backend("two", two)
    )
}

fn all_held(rig: &Rig) -> usize {
    rig.router.store.current().unwrap().policies[0].backends.iter().map(|backend| backend.held.len()).sum()
}

#[tokio::test]
async fn whichever_backend_is_woken_answers_those_that_may_go_there() {
    let rig = Arc::new(Rig::start(&pair(&[], &[])).await);
    let ask_as = |class: &'static str| {
        let rig = Arc::clone(&rig);
        tokio::spawn(async move { rig.chat_with(&[("x-data-class", class)], ask("hello", false)).await })
    };
    let free: Vec<_> = (0..10).map(|_| ask_as("")).collect();
    let bound: Vec<_> = (0..10).map(|_| ask_as("phi")).collect();
    eventually("all wait", || all_held(&rig) == 20).await;
    let first = &rig.router.store.current().unwrap().policies[0].backends[0].held;
    assert!((12..=18).contains(&first.len()), "of ten that are free, some are meant for each");

    let two = pod().await;
    rig.apply(&pair(&[], &[two.address]));
    eventually("only those that are bound wait", || all_held(&rig) == 10).await;
    for request in free {
        let reply = request.await.unwrap();
        assert_eq!((reply.status, reply.backend()), (StatusCode::OK, "two"), "{reply:?}");
    }
    assert!(bound.iter().all(|request| !request.is_finished()));

    let one = pod().await;
    rig.apply(&pair(&[one.address], &[two.address]));
    for request in bound {
        let reply = request.await.unwrap();
        assert_eq!((reply.status, reply.backend()), (StatusCode::OK, "one"), "{reply:?}");
    }
    assert_eq!((one.seen().requests, two.seen().requests, all_held(&rig)), (10, 10, 0));
    let demands = flotilla_router::account::demands(&rig.router.store.current().unwrap());
    assert!(demands.iter().all(|demand| demand.in_flight == 0 && demand.waiting_prompt_tokens == 0));
}
