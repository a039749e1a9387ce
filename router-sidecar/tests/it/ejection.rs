//! What counts against an endpoint, and what does not.

use crate::rig::{Rig, ask, engine, fleet};
use flotilla_e2e::provider::{Fault, Provider, Script};

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
