//! What counts against an endpoint, and what does not.

use crate::rig::{Rig, ask, engine, eventually, external, fleet, nobody, provider};
use flotilla_e2e::provider::{Fault, Provider, Script};
use flotilla_router::account::{Leg, Record};
use flotilla_router::route::Standing;
use flotilla_router::upstream::Failure;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// A pod that does this to every request, one that is well, and a router that prefers the first.
async fn pair(fault: Fault, rules: &str) -> (Provider, Provider, Rig) {
    let (bad, good) = (engine().await, engine().await);
    bad.script(Script { faults: [fault].into(), repeat: true, gap_ms: 10, ..Script::default() });
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: bad}}], fallback: [good]}}\nejection: {{{rules}}}",
        fleet("bad", &[bad.address]),
        fleet("good", &[good.address])
    ))
    .await;
    (bad, good, rig)
}

#[tokio::test]
async fn streams_that_break_in_the_middle_count_in_a_row() {
    let (bad, _good, rig) = pair(Fault::CutAfter(3), "consecutiveFailures: 3, failurePercent: 0").await;
    for expected in ["bad", "bad", "bad", "good"] {
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), expected);
    }
    assert_eq!((bad.seen().requests, rig.usage("bad").failed), (3, 3));
    assert!(rig.metrics().await.contains(r#"ejections_total{backend="bad",policy="team/assistant"} 1"#));
}

#[tokio::test]
async fn a_stream_that_ends_well_ends_the_row() {
    let (bad, _good, rig) = pair(Fault::None, "consecutiveFailures: 3, failurePercent: 0").await;
    let cut = Fault::CutAfter(3);
    let faults = [cut, cut, Fault::None, cut, cut, Fault::None, cut, cut, cut];
    bad.script(Script { faults: faults.into(), gap_ms: 10, ..Script::default() });
    for _ in faults {
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), "bad");
    }
    assert_eq!(rig.chat(ask("hi", true)).await.backend(), "good");
}

#[tokio::test]
async fn a_stream_that_breaks_in_the_middle_is_one_request_and_one_failure() {
    let rules = "consecutiveFailures: 0, failurePercent: 60, minRequests: 4";
    let (_bad, _good, rig) = pair(Fault::CutAfter(3), rules).await;
    for expected in ["bad", "bad", "bad", "bad", "good"] {
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), expected);
    }
}

#[tokio::test]
async fn a_request_whose_own_time_is_over_says_nothing_about_its_endpoint() {
    let api = provider().await;
    api.script(Script { faults: [Fault::Stall].into(), repeat: true, ..Script::default() });
    let policy = |timeouts: &str| {
        format!(
            "backends:\n{}\ndefault: {{backends: [{{name: api}}]}}\nejection: {{consecutiveFailures: 2}}\ntimeouts: {{{timeouts}}}",
            external("api", &api)
        )
    };
    let rig = Rig::start(&policy("totalMs: 1000")).await;
    for stream in [false, true, false, true] {
        assert_eq!(rig.chat(ask("hi", stream)).await.code(), "upstream_timeout");
    }
    assert!(!rig.metrics().await.contains("ejections_total{"));
    assert_eq!(rig.usage("api").failed, 4);
    // One that hangs is at fault.
    rig.apply(&policy("firstTokenMs: 50"));
    for _ in 0..2 {
        assert_eq!(rig.chat(ask("hi", true)).await.code(), "upstream_timeout");
    }
    assert!(rig.metrics().await.contains(r#"ejections_total{backend="api",policy="team/assistant"} 1"#));
}

#[tokio::test]
async fn a_pod_that_hangs_on_answers_in_one_piece_is_at_fault_while_another_gives_them() {
    let (bad, good) = (engine().await, engine().await);
    bad.script(Script { faults: [Fault::Stall].into(), repeat: true, ..Script::default() });
    let policy = |total_ms: u32| {
        format!(
            "backends:\n{}\ndefault: {{backends: [{{name: fleet}}]}}\ntimeouts: {{totalMs: {total_ms}}}\nejection: {{consecutiveFailures: 1}}",
            fleet("fleet", &[bad.address, good.address])
        )
    };
    let rig = Rig::start(&policy(500)).await;
    let ejected = async || rig.metrics().await.contains(r#"ejections_total{backend="fleet""#);
    // Prompts that have nothing in common go to either pod.
    let mut numbers = 0_u32..;
    let mut next = || ask(&format!("{} is my number", numbers.next().unwrap()), false);
    while bad.seen().requests == 0 {
        rig.chat(next()).await;
    }
    assert!(!ejected().await, "all that was asked meanwhile may have a long answer");
    rig.apply(&policy(3000));
    loop {
        let before = bad.seen().requests;
        let mut slow = std::pin::pin!(rig.chat(next()));
        tokio::select! {
            reply = &mut slow => assert_eq!(reply.status, 200),
            () = eventually("it hangs", || bad.seen().requests > before) => {
                // The other one answers meanwhile: it has less to do, so it is asked.
                assert_eq!(rig.chat(next()).await.status, 200);
                assert_eq!(slow.await.code(), "upstream_timeout");
                break;
            }
        }
    }
    assert!(ejected().await);
    let before = bad.seen().requests;
    for _ in 0..10 {
        assert_eq!(rig.chat(next()).await.status, 200);
    }
    assert_eq!(bad.seen().requests, before);
    // A long answer is no fault of the only one that is left.
    good.script(Script { faults: [Fault::Stall].into(), repeat: true, ..Script::default() });
    rig.apply(&policy(500));
    assert_eq!(rig.chat(next()).await.code(), "upstream_timeout");
    assert!(rig.metrics().await.contains(r#"ejections_total{backend="fleet",policy="team/assistant"} 1"#));
}

/// Whether the first of two pods is blamed for an answer that did not come in the request's time, a minute. The clock of
/// the deadline is set forward; how long the request had waited before is said, and whether the other one has answered
/// meanwhile, and by its model.
async fn is_blamed(streamed: bool, waited: u64, other_answers: Option<bool>, other_is_well: bool) -> bool {
    let rig = Rig::start(&format!(
        "backends:\n{}\ndefault: {{backends: [{{name: fleet}}]}}\ntimeouts: {{totalMs: 60000}}\nejection: {{consecutiveFailures: 1}}",
        fleet("fleet", &[nobody(), nobody()])
    ))
    .await;
    let policy = Arc::clone(&rig.router.store.current().unwrap().policies[0]);
    let [one, other] = &policy.backends[0].endpoints[..] else { panic!("two pods") };
    tokio::time::pause();
    let now = Instant::now();
    let started = now.checked_sub(Duration::from_secs(waited)).unwrap();
    let metrics = Arc::clone(&rig.router.metrics);
    let mut record = Record::new(metrics, Arc::clone(&policy), started, streamed, 10);
    drop(record.begin(Leg::Main, 0, one, None, None));
    if let Some(by_model) = other_answers {
        other.health.answered(Instant::now(), now, by_model);
    }
    if !other_is_well {
        other.health.broke_off(Instant::now(), now, &policy.ejection);
    }
    tokio::time::advance(Duration::from_secs(61)).await;
    tokio::time::resume();
    record.failed(Leg::Main, Failure::Timeout);
    one.health.standing(Instant::now()) != Standing::Good
}

#[tokio::test]
async fn who_hangs_is_told_from_who_has_a_long_answer() {
    assert!(is_blamed(false, 20, Some(true), true).await);
    assert!(!is_blamed(true, 20, Some(true), true).await, "a stream has its own time to the first content");
    assert!(!is_blamed(false, 40, Some(true), true).await, "it had less than half of the time");
    assert!(!is_blamed(false, 20, None, true).await, "nobody has answered meanwhile");
    assert!(!is_blamed(false, 20, Some(false), true).await, "a refusal takes no time");
    assert!(!is_blamed(false, 20, Some(true), false).await, "nobody else is well");
}

#[tokio::test]
async fn who_is_left_alone_is_tried_when_all_others_have_failed_unless_it_asked_for_it() {
    for (fault, route, tried) in [
        (Fault::Reset, ("main", "spare"), true),
        (Fault::Reset, ("spare", "main"), true),
        (Fault::Status(429), ("main", "spare"), false),
        (Fault::Status(429), ("spare", "main"), false),
    ] {
        let (main, spare) = (engine().await, engine().await);
        let policy = |(first, second)| {
            format!(
                "backends:\n{}\n{}\ndefault: {{backends: [{{name: {first}}}], fallback: [{second}]}}\nejection: {{consecutiveFailures: 1}}",
                fleet("main", &[main.address]),
                fleet("spare", &[spare.address])
            )
        };
        let rig = Rig::start(&policy(("spare", "main"))).await;
        spare.script(Script { faults: [fault].into(), ..Script::default() });
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), "main");
        // Now it rests, whatever its place in the route.
        rig.apply(&policy(route));
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), "main", "what is well comes first");
        main.script(Script { faults: [Fault::ErrorEvent].into(), ..Script::default() });
        let reply = rig.chat(ask("hi", true)).await;
        assert_eq!(reply.status, if tried { 200 } else { 502 }, "{fault:?} {route:?}: {reply:?}");
        assert_eq!(spare.seen().requests, 1 + u64::from(tried), "{fault:?} {route:?}");
    }
}

#[tokio::test]
async fn on_probation_one_request_at_a_time_tries_it() {
    let (bad, _good, rig) = pair(Fault::Status(500), "consecutiveFailures: 1, baseMs: 50").await;
    assert_eq!(rig.chat(ask("hi", true)).await.backend(), "good");
    bad.script(Script { faults: [Fault::Stall].into(), ..Script::default() });
    tokio::time::sleep(Duration::from_millis(60)).await;
    {
        let mut probe = std::pin::pin!(rig.open(&[], ask("hi", true)));
        while bad.seen().requests < 2 {
            let _ = tokio::time::timeout(Duration::from_millis(5), &mut probe).await;
        }
        for _ in 0..5 {
            assert_eq!(
                rig.chat(ask("hi", true)).await.backend(),
                "good",
                "the one that tries it is not back"
            );
        }
    }
    // Its client has left without knowing: the next one tries, and need not wait for the time that it had.
    let next = async { while rig.chat(ask("hi", true)).await.backend() != "bad" {} };
    assert!(tokio::time::timeout(Duration::from_secs(3), next).await.is_ok());
    assert_eq!(rig.chat(ask("hi", true)).await.backend(), "bad");
    assert_eq!(bad.seen().requests, 4);
}

#[tokio::test]
async fn a_pod_that_is_left_alone_comes_after_what_is_well_unless_it_asked_for_it() {
    for (fault, fallback, next, (backend, requests)) in [
        (Fault::Reset, "next", Fault::None, ("next", 1)),
        (Fault::Status(429), "next", Fault::None, ("next", 1)),
        (Fault::Reset, "next", Fault::Status(500), ("pods", 2)),
        (Fault::Status(429), "next", Fault::Status(500), ("", 1)),
        // Its answer to the last failure rules pods out that are in the cluster as well.
        (Fault::Reset, "next", Fault::Overflow, ("", 1)),
        // There is nothing else.
        (Fault::Reset, "", Fault::None, ("pods", 2)),
    ] {
        let (one, two, after) = (engine().await, engine().await, engine().await);
        let rig = Rig::start(&format!(
            "backends:\n{}\n{}\ndefault: {{backends: [{{name: pods}}], fallback: [{fallback}]}}\nejection: {{consecutiveFailures: 1, baseMs: 60000}}",
            fleet("pods", &[one.address, two.address]),
            fleet("next", &[after.address])
        ))
        .await;
        let does = |pod: &Provider, fault| {
            pod.script(Script { faults: [fault].into(), ..Script::default() });
        };
        does(&one, fault);
        while one.seen().requests == 0 {
            assert_eq!(rig.chat(ask("hi", true)).await.backend(), "pods");
        }
        // Now it rests, and the other one fails.
        does(&two, Fault::ErrorEvent);
        does(&after, next);
        let reply = rig.chat(ask("hi", true)).await;
        let seen = (reply.backend(), one.seen().requests);
        assert_eq!(seen, (backend, requests), "{fault:?} {fallback} {next:?}: {reply:?}");
    }
}

#[tokio::test]
async fn a_pod_that_asked_for_its_rest_keeps_no_other_of_its_target_from_the_last_resort() {
    let (one, two, next) = (engine().await, engine().await, engine().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: pods}}], fallback: [next]}}\nejection: {{consecutiveFailures: 1, baseMs: 60000}}",
        fleet("pods", &[one.address, two.address]),
        fleet("next", &[next.address])
    ))
    .await;
    one.script(Script { faults: [Fault::Status(429)].into(), ..Script::default() });
    two.script(Script { faults: [Fault::Status(500)].into(), ..Script::default() });
    // Now all of the target rests, and the one that asked for it has the shorter rest.
    assert_eq!(rig.chat(ask("hi", true)).await.backend(), "next");
    assert_eq!((one.seen().requests, two.seen().requests), (1, 1));
    next.script(Script { faults: [Fault::ErrorEvent].into(), ..Script::default() });
    let reply = rig.chat(ask("hi", true)).await;
    assert_eq!((reply.status.as_u16(), reply.backend()), (200, "pods"), "{reply:?}");
    assert_eq!((one.seen().requests, two.seen().requests), (1, 2));
}
