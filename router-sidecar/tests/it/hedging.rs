//! A second leg for slow requests, for policies that ask for it.

use crate::rig::{Rig, ask, engine, eventually, external, fleet, home_and_away, provider};
use flotilla_e2e::provider::{Fault, Provider, Script};
use std::net::SocketAddr;

/// Answers it takes until a backend's pace is known.
pub const LEARNED: usize = 20;

/// A fleet whose pods take one request at a time each.
fn one_at_a_time(name: &str, pods: &[SocketAddr]) -> String {
    fleet(name, pods).replacen("fleet:", "concurrency: {maxRequests: 1}, fleet:", 1)
}

async fn hedged() -> (Provider, Provider, Rig) {
    let (first, second) = (provider().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: first}}], fallback: [second], hedge: true}}",
        external("first", &first),
        external("second", &second)
    ))
    .await;
    for _ in 0..LEARNED {
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), "first");
    }
    (first, second, rig)
}

#[tokio::test]
async fn the_faster_leg_answers_and_the_other_one_is_called_off_and_counted() {
    let (first, second, rig) = hedged().await;
    first.script(Script { faults: [Fault::StallAfter(0)].into(), ..Script::default() });
    let before = rig.usage("first");
    let reply = rig.chat_with(&[("x-flotilla-explain", "1")], ask("hi", true)).await;
    assert_eq!((reply.status.as_u16(), reply.backend()), (200, "second"));
    let decision = reply.header("x-flotilla-decision");
    assert!(decision.contains("a second leg to second") && decision.contains("the leg to first was slower"));
    eventually("the slow leg is called off", || first.seen().abandoned == 1).await;
    // It was at work on the prompt: that is counted, and is no failure.
    let after = rig.usage("first");
    assert_eq!((after.requests - before.requests, after.failed), (1, 0));
    assert!(after.prompt_tokens > before.prompt_tokens && after.cost > before.cost);
    assert_eq!((rig.usage("second").requests, second.seen().requests), (1, 1));
    let metrics = rig.metrics().await;
    assert!(metrics.contains(r#"hedges_total{backend="second",policy="team/assistant"} 1"#), "{metrics}");
    assert!(!metrics.contains("retries_total{"), "{metrics}");
}

#[tokio::test]
async fn a_slower_leg_that_was_never_sent_costs_nothing() {
    let (_first, second, rig) = hedged().await;
    // It takes connections, and says nothing of TLS.
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    rig.apply(&format!(
        "backends:\n- {{name: first, external: {{baseUrl: 'https://localhost:{port}/v1', model: m, pricing: {{input: '2.50', output: '10'}}}}}}\n{}\ndefault: {{backends: [{{name: first}}], fallback: [second], hedge: true}}",
        external("second", &second)
    ));
    let before = rig.usage("first");
    let reply = rig.chat_with(&[("x-flotilla-explain", "1")], ask("hi", true)).await;
    assert!(reply.header("x-flotilla-decision").contains("the leg to first was slower"), "{reply:?}");
    let after = rig.usage("first");
    assert_eq!((after.requests - before.requests, after.failed), (1, 0));
    assert_eq!((after.prompt_tokens, after.cost), (before.prompt_tokens, before.cost));
}

#[tokio::test]
async fn a_first_leg_that_is_faster_after_all_answers() {
    let (first, second, rig) = hedged().await;
    second.script(Script { faults: [Fault::StallAfter(0)].into(), ..Script::default() });
    // The first content comes after the gap, which is far beyond the pace so far.
    first.script(Script { gap_ms: 5000, reply: "Hi".to_owned(), ..Script::default() });
    assert_eq!(rig.chat(ask("hi", true)).await.backend(), "first");
    eventually("the second leg is called off", || second.seen().abandoned == 1).await;
    assert_eq!((rig.usage("second").requests, rig.usage("second").failed), (1, 0));
}

#[tokio::test]
async fn legs_that_fail_leave_the_request_to_the_other_one() {
    let (first, second, rig) = hedged().await;
    first.script(Script { gap_ms: 5000, reply: "Hi".to_owned(), ..Script::default() });
    second.script(Script { faults: [Fault::Status(500)].into(), ..Script::default() });
    assert_eq!(rig.chat(ask("hi", true)).await.backend(), "first");
    assert_eq!((rig.usage("second").requests, rig.usage("second").failed), (1, 1));
}

#[tokio::test]
async fn without_budget_or_without_being_asked_there_is_one_leg() {
    let (first, second) = (provider().await, provider().await);
    for more in ["}\nretries: {budgetPercent: 0, minPerSecond: 0}", ", hedge: false}"] {
        let hedge = if more.starts_with('}') { ", hedge: true" } else { "" };
        let rig = Rig::start(&format!(
            "backends:\n{}\n{}\ndefault: {{backends: [{{name: first}}], fallback: [second]{hedge}{more}",
            external("first", &first),
            external("second", &second)
        ))
        .await;
        for _ in 0..LEARNED {
            rig.chat(ask("hi", true)).await;
        }
        first.script(Script { gap_ms: 500, reply: "Hi".to_owned(), ..Script::default() });
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), "first");
        assert_eq!(second.seen().requests, 0);
        first.script(Script::default());
    }
}

#[tokio::test]
async fn both_legs_of_a_client_that_leaves_are_counted() {
    let (first, second, rig) = hedged().await;
    let before = rig.usage("first");
    for provider in [&first, &second] {
        provider.script(Script { faults: [Fault::StallAfter(0)].into(), ..Script::default() });
    }
    {
        let mut asks = std::pin::pin!(rig.open(&[], ask("hi", true)));
        while second.seen().requests == 0 {
            let _ = tokio::time::timeout(std::time::Duration::from_millis(5), &mut asks).await;
        }
    }
    eventually("it is settled", || rig.usage("second").requests == 1).await;
    assert!(rig.usage("first").prompt_tokens > before.prompt_tokens);
    assert!(rig.usage("second").prompt_tokens > 0 && rig.usage("second").cost.0 > 0);
}

#[tokio::test]
async fn how_long_the_slower_leg_took_is_remembered() {
    let (first, second) = (provider().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: first}}], fallback: [second], hedge: true}}\nretries: {{minPerSecond: 1000}}",
        external("first", &first),
        external("second", &second)
    ))
    .await;
    let p95 = || rig.router.store.current().unwrap().policies[0].backends[0].pace.p95();
    for _ in 0..LEARNED {
        rig.chat(ask("hi", true)).await;
    }
    let before = p95().unwrap();
    first.script(Script { faults: [Fault::StallAfter(0)].into(), repeat: true, ..Script::default() });
    for _ in 0..LEARNED {
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), "second");
    }
    assert!(p95().unwrap() > before, "half of all were slower than {before:?}");
}

#[tokio::test]
async fn a_session_is_where_it_was_answered() {
    // Whether its own pod is faster after all, is slower, or fails while the other one is at work.
    for (own, other, moves) in [
        (Fault::None, Fault::Stall, false),
        (Fault::Stall, Fault::None, true),
        (Fault::StallAfter(0), Fault::None, true),
        (Fault::ErrorAfter(1), Fault::None, true),
    ] {
        let (one, two) = (engine().await, engine().await);
        let pods = fleet("pods", &[one.address, two.address]);
        let rig = Rig::start(&format!(
            "backends:\n{pods}\ndefault: {{backends: [{{name: pods}}], hedge: true}}\nejection: {{failurePercent: 0}}"
        ))
        .await;
        let turn = || rig.chat_with(&[("x-session-id", "alice")], ask("hi", true));
        for _ in 0..LEARNED {
            turn().await;
        }
        let (home, away) = home_and_away(&one, &two);
        let slow = |fault, gap_ms| Script {
            faults: [fault].into(),
            gap_ms,
            reply: "Hi".to_owned(),
            ..Script::default()
        };
        // What fails does so when the other one is under way, and before that one has content.
        home.script(slow(own, 700));
        away.script(slow(other, if own == Fault::ErrorAfter(1) { 1600 } else { 0 }));
        assert_eq!(turn().await.status, 200);
        assert_eq!((home.seen().requests, away.seen().requests), (LEARNED as u64 + 1, 1), "{own:?}");
        let hedges = r#"hedges_total{backend="pods",policy="team/assistant"} 1"#;
        assert!(rig.metrics().await.contains(hedges), "{own:?}");
        for provider in [home, away] {
            provider.script(Script::default());
        }
        for _ in 0..3 {
            turn().await;
        }
        let served = if moves { (LEARNED as u64 + 1, 4) } else { (LEARNED as u64 + 4, 1) };
        assert_eq!((home.seen().requests, away.seen().requests), served, "{own:?}");
    }
}

#[tokio::test]
async fn where_its_own_target_is_full_the_second_leg_goes_to_the_next() {
    let (one, two, next) = (engine().await, engine().await, engine().await);
    let pods = one_at_a_time("pods", &[one.address, two.address]);
    let rig = Rig::start(&format!(
        "backends:\n{pods}\n{}\ndefault: {{backends: [{{name: pods}}], fallback: [next], hedge: true}}\ntimeouts: {{firstTokenMs: 2000}}",
        fleet("next", &[next.address])
    ))
    .await;
    for _ in 0..LEARNED {
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), "pods");
    }
    // Of two places somebody has one, and the first leg has the other.
    let gate = rig.router.store.current().unwrap().policies[0].backends[0].gate.clone().unwrap().0;
    let _place = gate.try_enter().unwrap();
    for pod in [&one, &two] {
        pod.script(Script { faults: [Fault::Stall].into(), ..Script::default() });
    }
    assert_eq!(rig.chat(ask("hi", true)).await.backend(), "next");
    let hedges = r#"hedges_total{backend="next",policy="team/assistant"} 1"#;
    assert!(rig.metrics().await.contains(hedges));
    assert_eq!(one.seen().requests + two.seen().requests, LEARNED as u64 + 1);
}

#[tokio::test]
async fn a_second_leg_passes_over_a_target_that_is_full() {
    let (first, next, last) = (engine().await, engine().await, engine().await);
    let full = one_at_a_time("next", &[next.address]);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{full}\n{}\ndefault: {{backends: [{{name: first}}], fallback: [next, last], hedge: true}}\ntimeouts: {{firstTokenMs: 2000}}",
        fleet("first", &[first.address]),
        fleet("last", &[last.address])
    ))
    .await;
    for _ in 0..LEARNED {
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), "first");
    }
    let gate = rig.router.store.current().unwrap().policies[0].backends[1].gate.clone().unwrap().0;
    let _place = gate.try_enter().unwrap();
    first.script(Script { faults: [Fault::Stall].into(), ..Script::default() });
    assert_eq!(rig.chat(ask("hi", true)).await.backend(), "last");
    let hedges = r#"hedges_total{backend="last",policy="team/assistant"} 1"#;
    assert!(rig.metrics().await.contains(hedges));
    assert_eq!(next.seen().requests, 0);
}

#[tokio::test]
async fn a_second_leg_that_is_not_sent_moves_no_session() {
    let (one, two) = (engine().await, engine().await);
    let pods = fleet("pods", &[one.address, two.address]);
    let rig = Rig::start(&format!(
        "backends:\n{pods}\ndefault: {{backends: [{{name: pods}}], hedge: true}}\nretries: {{budgetPercent: 0, minPerSecond: 0}}"
    ))
    .await;
    let turn = || rig.chat_with(&[("x-session-id", "alice")], ask("hi", true));
    for _ in 0..LEARNED {
        turn().await;
    }
    let (home, away) = home_and_away(&one, &two);
    let mut turns = home.seen().requests;
    assert_eq!(away.seen().requests, 0);
    for gap_ms in [500, 0, 0] {
        home.script(Script { gap_ms, reply: "Hi".to_owned(), ..Script::default() });
        turn().await;
        turns += 1;
        assert_eq!((home.seen().requests, away.seen().requests), (turns, 0));
    }
}

#[tokio::test]
async fn a_second_leg_that_is_not_sent_leaves_its_pod_to_the_request() {
    let (one, two) = (engine().await, engine().await);
    let pods = fleet("pods", &[one.address, two.address]);
    let rig = Rig::start(&format!(
        "backends:\n{pods}\ndefault: {{backends: [{{name: pods}}], hedge: true}}\nbudgets: [{{name: all, per: Month, tokens: 100000, backends: [pods]}}]\ntimeouts: {{firstTokenMs: 3000}}"
    ))
    .await;
    let turn = |more: &str| {
        let body = ask("hi", true).replacen('{', &format!("{{{more}"), 1);
        let rig = &rig;
        async move { rig.chat_with(&[("x-session-id", "alice")], body).await }
    };
    for _ in 0..LEARNED {
        turn("").await;
    }
    let (home, away) = home_and_away(&one, &two);
    assert_eq!(away.seen().requests, 0);
    home.script(Script { faults: [Fault::Stall].into(), ..Script::default() });
    // There is enough for one leg, not for two at a time.
    let reply = turn(r#""max_tokens":60000,"#).await;
    assert_eq!((reply.status.as_u16(), away.seen().requests), (200, 1), "{reply:?}");
    assert!(!rig.metrics().await.contains("hedges_total{"));
}

#[tokio::test]
async fn a_second_leg_that_is_not_sent_has_no_place_and_reserves_nothing() {
    let (first, second) = (engine().await, engine().await);
    let next = one_at_a_time("next", &[second.address]);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{next}\ndefault: {{backends: [{{name: pods}}], fallback: [next], hedge: true}}\nretries: {{budgetPercent: 0, minPerSecond: 0}}\nbudgets: [{{name: next, per: Month, tokens: 5000, backends: [next], onExceeded: Fallback}}]",
        fleet("pods", &[first.address])
    ))
    .await;
    for _ in 0..LEARNED {
        rig.chat(ask("hi", true)).await;
    }
    let policy = std::sync::Arc::clone(&rig.router.store.current().unwrap().policies[0]);
    let gate = &policy.backends[1].gate.as_ref().unwrap().0;
    first.script(Script { gap_ms: 1000, reply: "Hi".to_owned(), ..Script::default() });
    let mut asks = std::pin::pin!(rig.chat(ask("hi", true)));
    let reply = loop {
        if let Ok(reply) = tokio::time::timeout(std::time::Duration::from_millis(5), &mut asks).await {
            break reply;
        }
        assert!(gate.try_enter().is_some(), "its place is taken");
        let left = policy.budgets[0].available(jiff::Timestamp::now().as_second());
        assert_eq!(left, 5000, "something is reserved");
    };
    assert_eq!((reply.backend(), second.seen().requests), ("pods", 0));
}

#[tokio::test]
async fn a_second_leg_does_not_go_where_the_request_failed_before() {
    let (one, two, next, last) = (engine().await, engine().await, engine().await, engine().await);
    let pods = one_at_a_time("pods", &[one.address, two.address]);
    for (fallback, backend, hedges) in [("next", "pods", 1), ("next, last", "last", 2)] {
        let rig = Rig::start(&format!(
            "backends:\n{pods}\n{}\n{}\ndefault: {{backends: [{{name: pods}}], fallback: [{fallback}], hedge: true}}\ntimeouts: {{firstTokenMs: 3000}}",
            fleet("next", &[next.address]),
            fleet("last", &[last.address])
        ))
        .await;
        let turn = || rig.chat_with(&[("x-session-id", "alice")], ask("hi", true));
        let before = (one.seen().requests, next.seen().requests);
        for _ in 0..LEARNED {
            assert_eq!(turn().await.backend(), "pods");
        }
        let (home, away) = if one.seen().requests > before.0 { (&one, &two) } else { (&two, &one) };
        // Of two places somebody has one, so that the second leg goes to the next target, where it fails.
        let gate = rig.router.store.current().unwrap().policies[0].backends[0].gate.clone().unwrap().0;
        let _place = gate.try_enter().unwrap();
        home.script(Script { faults: [Fault::Stall].into(), ..Script::default() });
        next.script(Script { faults: [Fault::Status(500)].into(), ..Script::default() });
        // The other pod is slow, too.
        away.script(Script { gap_ms: 1500, reply: "Hi".to_owned(), ..Script::default() });
        let reply = turn().await;
        assert_eq!((reply.status.as_u16(), reply.backend()), (200, backend), "{reply:?}");
        assert_eq!(next.seen().requests - before.1, 1, "once is enough");
        let metrics = rig.metrics().await;
        let sent = metrics.lines().filter(|line| line.contains("router_hedges_total{")).count();
        assert_eq!(sent, hedges, "{metrics}");
        home.script(Script::default());
        away.script(Script::default());
    }
}

#[tokio::test]
async fn what_a_second_leg_said_of_the_request_holds_when_the_first_one_fails_later() {
    let (one, two, next) = (engine().await, engine().await, engine().await);
    let pods = one_at_a_time("pods", &[one.address, two.address]);
    let rig = Rig::start(&format!(
        "backends:\n{pods}\n{}\ndefault: {{backends: [{{name: pods}}], fallback: [next], hedge: true}}\ntimeouts: {{firstTokenMs: 3000}}",
        fleet("next", &[next.address])
    ))
    .await;
    let turn = || rig.chat_with(&[("x-session-id", "alice")], ask("hi", true));
    for _ in 0..LEARNED {
        assert_eq!(turn().await.backend(), "pods");
    }
    let (home, away) = home_and_away(&one, &two);
    // Of two places somebody has one, so that the second leg goes to the next target, which says that it does not fit.
    let gate = rig.router.store.current().unwrap().policies[0].backends[0].gate.clone().unwrap().0;
    let _place = gate.try_enter().unwrap();
    home.script(Script { faults: [Fault::Stall].into(), ..Script::default() });
    next.script(Script { faults: [Fault::Overflow].into(), ..Script::default() });
    let reply = turn().await;
    assert!(!reply.status.is_success(), "{reply:?}");
    assert_eq!((next.seen().requests, away.seen().requests), (1, 0), "no pod is known to take more");
}

#[tokio::test]
async fn the_first_leg_that_is_sent_is_hedged_whoever_was_passed_over_before_it() {
    let (first, second, third) = (engine().await, engine().await, engine().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\n{}\ndefault: {{backends: [{{name: first}}], fallback: [second, third], hedge: true}}\ntimeouts: {{firstTokenMs: 2000}}",
        one_at_a_time("first", &[first.address]),
        fleet("second", &[second.address]),
        fleet("third", &[third.address])
    ))
    .await;
    // Somebody has the only place.
    let gate = rig.router.store.current().unwrap().policies[0].backends[0].gate.clone().unwrap().0;
    let _place = gate.try_enter().unwrap();
    for _ in 0..LEARNED {
        assert_eq!(rig.chat(ask("hi", true)).await.backend(), "second");
    }
    second.script(Script { faults: [Fault::Stall].into(), ..Script::default() });
    assert_eq!(rig.chat(ask("hi", true)).await.backend(), "third");
    let metrics = rig.metrics().await;
    let hedges = r#"hedges_total{backend="third",policy="team/assistant"} 1"#;
    assert!(metrics.contains(hedges), "{metrics}");
    assert_eq!((first.seen().requests, rig.usage("second").failed), (0, 0));
}
