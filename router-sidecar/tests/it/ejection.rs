//! What counts against an endpoint, and what does not.

use crate::rig::{Rig, ask, engine, external, fleet, provider};
use flotilla_e2e::provider::{Fault, Provider, Script};
use std::time::Duration;

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
    let rig = Rig::start(&policy("totalMs: 50")).await;
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
