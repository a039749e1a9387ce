//! How many attempts beyond the first there may be.

use crate::failover::{fail, pair_with};
use crate::rig::{Rig, ask, engine, external, fleet, provider};
use flotilla_e2e::provider::{Fault, Script};

#[tokio::test]
async fn an_outage_does_not_double_the_load() {
    let (first, second, rig) =
        pair_with("ejection: {consecutiveFailures: 0, failurePercent: 0}\nretries: {minPerSecond: 0, budgetPercent: 20}").await;
    fail(&first, [Fault::Status(500)], Script { repeat: true, ..Script::default() });
    let mut failed = 0;
    for _ in 0..100 {
        let reply = rig.chat_with(&[("x-flotilla-explain", "1")], ask("hi", false)).await;
        if reply.status.as_u16() != 200 {
            failed += 1;
            assert!(reply.header("x-flotilla-decision").contains("retry budget is spent"));
        }
    }
    assert_eq!((first.seen().requests, second.seen().requests, failed), (100, 20, 80));
    assert!(
        rig.metrics().await.contains(r#"retries_denied_total{backend="first",policy="team/assistant"} 80"#)
    );
}

#[tokio::test]
async fn only_what_is_sent_again_is_paid_from_the_retry_budget() {
    let (first, second, third) = (provider().await, provider().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\n{}\ndefault: {{backends: [{{name: first}}], fallback: [second, third]}}\nretries: {{budgetPercent: 0, minPerSecond: 1}}",
        external("first", &first),
        crate::rig::anthropic("second", &second),
        external("third", &third)
    ))
    .await;
    fail(&first, [Fault::Status(500)], Script::default());
    // Its API has no such thing, so that it is passed over.
    let reply = rig.chat(ask("hi", false).replacen('{', r#"{"logprobs":true,"#, 1)).await;
    assert_eq!((reply.status.as_u16(), reply.backend()), (200, "third"), "{reply:?}");
    assert_eq!(second.seen().requests, 0);
}

#[tokio::test]
async fn a_request_is_denied_another_attempt_once() {
    let (first, second, api) = (engine().await, engine().await, provider().await);
    let pods = fleet("fleet", &[first.address, second.address]);
    let rig = Rig::start(&format!(
        "backends:\n{pods}\n{}\ndefault: {{backends: [{{name: fleet}}], fallback: [api]}}\nretries: {{budgetPercent: 0, minPerSecond: 0}}",
        external("api", &api)
    ))
    .await;
    for pod in [&first, &second] {
        fail(pod, [Fault::Status(500)], Script { repeat: true, ..Script::default() });
    }
    let reply = rig.chat_with(&[("x-flotilla-explain", "1")], ask("hi", false)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (502, "upstream_error"));
    let denied = reply.header("x-flotilla-decision").matches("retry budget is spent").count();
    assert_eq!((denied, first.seen().requests + second.seen().requests, api.seen().requests), (1, 1, 0));
    assert!(
        rig.metrics().await.contains(r#"retries_denied_total{backend="fleet",policy="team/assistant"} 1"#)
    );
}
