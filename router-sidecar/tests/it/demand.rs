//! What is asked of fleet backends: offered where it was meant for, in flight where it waits or is answered.

use crate::hedging::LEARNED;
use crate::rig::{Rig, ask, engine, eventually, external, fleet, provider};
use flotilla_crds::router_config::BackendDemand;
use flotilla_e2e::provider::{Fault, Provider, Script};
use std::net::SocketAddr;
use std::time::Duration;

fn demand(rig: &Rig, backend: &str) -> BackendDemand {
    let all = flotilla_router::account::demands(&rig.router.store.current().unwrap());
    all.into_iter().find(|demand| demand.backend == backend).unwrap()
}

fn in_flight(rig: &Rig, backend: &str) -> u32 {
    demand(rig, backend).in_flight
}

/// Whether nothing waits or is in flight at any backend.
fn is_quiet(rig: &Rig) -> bool {
    let all = flotilla_router::account::demands(&rig.router.store.current().unwrap());
    all.iter().all(|demand| {
        let BackendDemand { in_flight, in_flight_prompt_tokens, in_flight_completion_tokens, .. } = *demand;
        let BackendDemand { waiting_prompt_tokens, waiting_completion_tokens, .. } = *demand;
        let tokens = [in_flight_prompt_tokens, in_flight_completion_tokens];
        in_flight == 0 && tokens == [0, 0] && [waiting_prompt_tokens, waiting_completion_tokens] == [0, 0]
    })
}

fn does(provider: &Provider, fault: Fault) {
    provider.script(Script { faults: [fault].into(), repeat: true, ..Script::default() });
}

/// Answers do not end.
fn goes_on(provider: &Provider) {
    does(provider, Fault::StallAfter(3));
}

/// The YAML of a backend with a place for one request, and a queue.
fn with_one_place(name: &str, backend: &str) -> String {
    let place =
        format!("{{name: {name}, concurrency: {{maxRequests: 1, maxQueued: 5, queueTimeoutMs: 60000}},");
    backend.replacen(&format!("{{name: {name},"), &place, 1)
}

/// A variant without a replica, and one that has this pod.
async fn variants(pod: SocketAddr, route: &str) -> Rig {
    let (a, b) = (fleet("a", &[]), fleet("b", &[pod]));
    Rig::start(&format!("backends:\n{a}\n{b}\ndefault: {{{route}}}")).await
}

const BOTH: &str = "backends: [{name: a}, {name: b}]";
const NEXT: &str = "backends: [{name: a}], fallback: [b]";

#[tokio::test]
async fn a_request_is_offered_where_it_was_meant_for_and_in_flight_where_it_is_answered() {
    for (route, meant) in [(BOTH, 8..=12), (NEXT, 20..=20)] {
        let pod = engine().await;
        goes_on(&pod);
        let rig = variants(pod.address, route).await;
        let mut answers = Vec::new();
        for _ in 0..20 {
            answers.push(rig.open(&[], ask("hi", true)).await);
        }
        let (a, b) = (demand(&rig, "a"), demand(&rig, "b"));
        assert_eq!((a.in_flight, b.in_flight), (0, 20), "{route}");
        assert_eq!((a.in_flight_prompt_tokens, a.in_flight_completion_tokens), (0, 0), "{route}");
        let offered = a.offered_prompt_tokens + b.offered_prompt_tokens;
        assert_eq!(
            (b.in_flight_prompt_tokens, b.in_flight_completion_tokens),
            (offered, 20 * 256),
            "{route}"
        );
        assert!(meant.contains(&(a.offered_prompt_tokens * 20 / offered)), "{route}: {a:?} {b:?}");
        // Their clients leave.
        drop(answers);
        eventually("nothing is in flight", || is_quiet(&rig)).await;
        assert_eq!(demand(&rig, "a").offered_prompt_tokens, a.offered_prompt_tokens);
    }
}

#[tokio::test]
async fn however_an_answer_ends_nothing_is_in_flight_after_it() {
    let pod = engine().await;
    for route in [BOTH, NEXT] {
        let rig =
            variants(pod.address, &format!("{route}}}\ntimeouts: {{firstTokenMs: 500, idleMs: 500")).await;
        for fault in [
            Fault::None,
            Fault::Status(500),
            Fault::Status(400),
            Fault::Reset,
            Fault::Stall,
            Fault::CutAfter(3),
            Fault::StallAfter(3),
            Fault::ErrorEvent,
            Fault::ErrorAfter(3),
            Fault::Overflow,
        ] {
            does(&pod, fault);
            for _ in 0..2 {
                rig.chat(ask("hi", true)).await;
            }
            eventually("nothing is in flight", || is_quiet(&rig)).await;
        }
    }
}

#[tokio::test]
async fn a_request_that_goes_on_elsewhere_is_in_flight_there() {
    let (one, two, api) = (engine().await, engine().await, provider().await);
    does(&one, Fault::ErrorEvent);
    does(&api, Fault::Status(500));
    goes_on(&two);
    for (route, offered) in [
        ("backends: [{name: a}], fallback: [b]", "a"),
        // By way of an API, where it was in flight for nobody.
        ("backends: [{name: a}], fallback: [api, b]", "a"),
        // Meant for nobody here.
        ("backends: [{name: api}], fallback: [b]", ""),
    ] {
        let rig = Rig::start(&format!(
            "backends:\n{}\n{}\n{}\ndefault: {{{route}}}",
            fleet("a", &[one.address]),
            fleet("b", &[two.address]),
            external("api", &api)
        ))
        .await;
        let answer = rig.open(&[], ask("hi", true)).await;
        assert_eq!((in_flight(&rig, "a"), in_flight(&rig, "b")), (0, 1), "{route}");
        let (a, b) = (demand(&rig, "a").offered_prompt_tokens, demand(&rig, "b").offered_prompt_tokens);
        assert_eq!((a > 0, b > 0), (offered == "a", false), "{route}");
        drop(answer);
        eventually("nothing is in flight", || is_quiet(&rig)).await;
    }
}

#[tokio::test]
async fn a_second_leg_that_answers_takes_the_request_with_it() {
    // The first leg is slower, or fails when the second one is under way.
    for (fault, gap_ms) in [(Fault::StallAfter(0), 0), (Fault::ErrorAfter(1), 1600)] {
        for (next, expected) in [("b", 1), ("api", 0)] {
            let (one, two, api) = (engine().await, engine().await, provider().await);
            let rig = Rig::start(&format!(
                "backends:\n{}\n{}\n{}\ndefault: {{backends: [{{name: a}}], fallback: [{next}], hedge: true}}",
                fleet("a", &[one.address]),
                fleet("b", &[two.address]),
                external("api", &api)
            ))
            .await;
            for _ in 0..LEARNED {
                rig.chat(ask("hi", true)).await;
            }
            one.script(Script { faults: [fault].into(), gap_ms: 700, ..Script::default() });
            for provider in [&two, &api] {
                provider.script(Script {
                    faults: [Fault::StallAfter(3)].into(),
                    gap_ms,
                    ..Script::default()
                });
            }
            let answer = rig.open(&[], ask("hi", true)).await;
            assert_eq!(answer.headers()["x-flotilla-backend"], next);
            assert_eq!((in_flight(&rig, "a"), in_flight(&rig, "b")), (0, expected), "{next} {fault:?}");
            let hedges = format!(r#"hedges_total{{backend="{next}",policy="team/assistant"}} 1"#);
            assert!(rig.metrics().await.contains(&hedges), "{next} {fault:?}");
            drop(answer);
            eventually("nothing is in flight", || is_quiet(&rig)).await;
        }
    }
}

#[tokio::test]
async fn a_stream_that_goes_on_elsewhere_is_in_flight_there() {
    let (one, two) = (engine().await, engine().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: a}}], fallback: [b], continuation: true}}",
        fleet("a", &[one.address]),
        fleet("b", &[two.address])
    ))
    .await;
    does(&one, Fault::CutAfter(3));
    goes_on(&two);
    let answer = rig.open(&[], ask("hi", true)).await;
    eventually("it goes on", || (in_flight(&rig, "a"), in_flight(&rig, "b")) == (0, 1)).await;
    assert_eq!(demand(&rig, "b").offered_prompt_tokens, 0);
    drop(answer);
    eventually("nothing is in flight", || is_quiet(&rig)).await;
}

#[tokio::test]
async fn who_waits_for_a_place_outside_is_no_backlog_of_the_fleet() {
    let (pod, api) = (engine().await, provider().await);
    goes_on(&api);
    let pods = fleet("pods", &[pod.address]).replacen(
        "endpoints:",
        "spill: {backend: api, state: Saturated, percent: 100}, endpoints:",
        1,
    );
    let api = with_one_place("api", &external("api", &api));
    let rig = Rig::start(&format!("backends:\n{pods}\n{api}\ndefault: {{backends: [{{name: pods}}]}}")).await;
    let first = rig.open(&[], ask("hi", true)).await;
    let before = demand(&rig, "pods");
    let mut second = std::pin::pin!(rig.open(&[], ask("hi", true)));
    // It is in the queue as soon as it is planned.
    while demand(&rig, "pods").offered_prompt_tokens == before.offered_prompt_tokens {
        let _ = tokio::time::timeout(Duration::from_millis(5), &mut second).await;
    }
    assert!(is_quiet(&rig), "{:?}", demand(&rig, "pods"));
    drop(first);
    let second = second.await;
    assert_eq!(second.headers()["x-flotilla-backend"], "api");
    assert!(is_quiet(&rig), "{:?}", demand(&rig, "pods"));
}

#[tokio::test]
async fn who_waits_for_a_place_at_another_variant_waits_there() {
    let pod = engine().await;
    goes_on(&pod);
    let b = with_one_place("b", &fleet("b", &[pod.address]));
    let rig = Rig::start(&format!("backends:\n{}\n{b}\ndefault: {{{NEXT}}}", fleet("a", &[]))).await;
    let first = rig.open(&[], ask("hi", true)).await;
    let before = demand(&rig, "a");
    {
        let mut second = std::pin::pin!(rig.open(&[], ask("hi", true)));
        while demand(&rig, "a").offered_prompt_tokens == before.offered_prompt_tokens {
            let _ = tokio::time::timeout(Duration::from_millis(5), &mut second).await;
        }
        let (a, b) = (demand(&rig, "a"), demand(&rig, "b"));
        assert_eq!((a.in_flight, a.waiting_prompt_tokens), (0, 0));
        assert_eq!((b.in_flight, b.waiting_prompt_tokens), (2, before.offered_prompt_tokens));
    }
    drop(first);
    eventually("nothing is in flight", || is_quiet(&rig)).await;
}
