//! Budgets: what is reserved, what is settled however a request ends, and what happens when they are spent.

use crate::rig::{Reply, Rig, ask, engine, eventually, external, fleet, provider};
use flotilla_crds::router_config::Period;
use flotilla_e2e::provider::{Fault, Provider, Script};
use std::sync::Arc;

/// A budget of cents a month, at a provider that takes 2.50 and 10 USD a million tokens.
fn policy(api: &Provider, budget: &str) -> String {
    format!(
        "backends:\n{}\ndefault: {{backends: [{{name: api}}]}}\nbudgets: [{budget}]",
        external("api", api)
    )
}

fn limited(tokens: u64) -> String {
    ask("hi", true).replacen('{', &format!(r#"{{"max_tokens":{tokens},"#), 1)
}

/// What the only budget has spent or promised.
fn taken(rig: &Rig) -> u64 {
    let snapshot = rig.router.store.current().unwrap();
    snapshot.policies[0].budgets[0].purses.of(None).taken()
}

#[tokio::test]
async fn money_is_reserved_before_and_settled_after() {
    let api = provider().await;
    let rig = Rig::start(&policy(&api, "{name: monthly, per: Month, usd: '0.01'}")).await;
    api.script(Script { reply: "word ".repeat(100), ..Script::default() });
    // 5 tokens of prompt, and 1,000 of an answer: more than a cent.
    let reply = rig.chat(limited(1000)).await;
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (429, "insufficient_quota"));
    assert_eq!((api.seen().requests, taken(&rig)), (0, 0));
    let error = reply.json()["error"].clone();
    assert_eq!(error["type"], "insufficient_quota");
    assert!(error["message"].as_str().unwrap().starts_with("budget monthly has not enough left for it"));
    // Until the month is over: at most 31 days.
    assert!((1..=2_678_400).contains(&reply.header("retry-after").parse::<u32>().unwrap()));
    assert_eq!(rig.chat(limited(900)).await.status, 200);
    // What it took: 1 token of prompt, 100 of an answer.
    assert_eq!(taken(&rig), 2500 + 100 * 10_000);
    assert_eq!(taken(&rig), rig.usage("api").cost.0);
    let left = format!(
        "flotilla_router_budget_available{{budget=\"monthly\",policy=\"team/assistant\",unit=\"usd\"}} {}",
        0.01 - 0.001_002_5
    );
    assert!(rig.metrics().await.contains(&left), "{left}");
    // A new config does not fill it again.
    rig.apply(&format!(
        "{}\ntimeouts: {{idleMs: 1234}}",
        policy(&api, "{name: monthly, per: Month, usd: '0.01'}")
    ));
    assert_eq!(taken(&rig), 2500 + 100 * 10_000);
    assert_eq!(rig.chat(limited(900)).await.status, 429);
}

#[tokio::test]
async fn a_budget_that_counts_otherwise_under_the_same_name_begins_anew() {
    let api = provider().await;
    let rig = Rig::start(&policy(&api, "{name: all, per: Day, tokens: 1000}")).await;
    for changed in [
        "{name: all, per: Month, tokens: 1000}",
        "{name: all, per: Month, usd: '0.02'}",
        "{name: all, per: Day, tokens: 1000}",
    ] {
        assert_eq!(rig.chat(limited(900)).await.status, 200);
        assert!(taken(&rig) > 0);
        rig.apply(&policy(&api, changed));
        assert_eq!(taken(&rig), 0, "{changed}");
        // What is reserved is settled: a budget's worth of requests, one after the other.
        for _ in 0..3 {
            assert_eq!(rig.chat(limited(900)).await.status, 200, "{changed}");
        }
        let usage = rig.usage("api");
        assert!(taken(&rig) < usage.cost.0.max(usage.completion_tokens), "{changed}");
    }
    // With leases nothing was granted yet.
    rig.apply(&policy(&api, "{name: all, per: Day, tokens: 1000, leased: true}"));
    assert_eq!(taken(&rig), 0);
}

#[tokio::test]
async fn a_lease_that_comes_after_the_requests_time_sends_nothing_and_is_given_back() {
    let api = provider().await;
    let rig = Rig::start(&format!(
        "{}\ntimeouts: {{totalMs: 300}}",
        policy(&api, "{name: all, per: Month, tokens: 10000, leased: true}")
    ))
    .await;
    let grant = async {
        rig.router.store.lease_need.raised().await;
        tokio::time::sleep(std::time::Duration::from_millis(500)).await;
        let snapshot = rig.router.store.current().unwrap();
        let period = Period::Month.start(jiff::Timestamp::now().as_second());
        snapshot.policies[0].budgets[0].purses.of(None).grant(period, 10_000, false);
    };
    let (reply, ()) = tokio::join!(rig.chat(limited(100)), grant);
    assert_eq!((reply.status.as_u16(), reply.code().as_str()), (504, "upstream_timeout"));
    assert_eq!((api.seen().requests, taken(&rig)), (0, 0));
}

#[tokio::test]
async fn each_choice_of_an_answer_is_reserved() {
    let api = provider().await;
    let rig = Rig::start(&policy(&api, "{name: all, per: Month, tokens: 1000}")).await;
    let choices = |n: u32| limited(300).replacen('{', &format!(r#"{{"n":{n},"#), 1);
    for refused in [choices(4), limited(300).replacen('{', r#"{"n":1,"best_of":4,"#, 1)] {
        let reply = rig.chat(refused).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (429, "insufficient_quota"));
    }
    assert_eq!((api.seen().requests, taken(&rig)), (0, 0));
    assert_eq!(rig.chat(choices(3)).await.status, 200);
}

#[tokio::test]
async fn whatever_ends_a_request_settles_it() {
    let api = provider().await;
    let rig = Rig::start(&policy(&api, "{name: all, per: Month, tokens: 1000000}")).await;
    // The reset comes first: on a connection that has answered before, the request is sent again.
    for fault in [Fault::Reset, Fault::Status(500), Fault::Status(429), Fault::ErrorEvent] {
        api.script(Script { faults: [fault].into(), ..Script::default() });
        rig.chat(limited(1000)).await;
        assert_eq!(taken(&rig), 0, "{fault:?}");
    }
    // A stream that breaks is counted by what came of it; one that the client leaves, too.
    api.script(Script { faults: [Fault::CutAfter(4)].into(), gap_ms: 20, ..Script::default() });
    rig.chat(limited(1000)).await;
    let broken = taken(&rig);
    assert!((1..100).contains(&broken), "{broken}");
    api.script(Script { faults: [Fault::StallAfter(3)].into(), gap_ms: 20, ..Script::default() });
    drop(rig.open(&[], limited(1000)).await);
    eventually("the client's leaving is settled", || api.seen().abandoned == 1 && taken(&rig) < broken + 100)
        .await;
    let usage = rig.usage("api");
    assert_eq!(taken(&rig), usage.prompt_tokens + usage.completion_tokens);
}

#[tokio::test]
async fn when_it_is_spent_requests_stay_in_the_fleet_if_the_policy_says_so() {
    let (pod, api) = (engine().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: api}}], fallback: [fleet]}}\nbudgets: [{{name: daily, per: Day, tokens: 500, onExceeded: FleetOnly}}]",
        fleet("fleet", &[pod.address]),
        external("api", &api)
    ))
    .await;
    let explained = [("x-flotilla-explain", "1")];
    assert_eq!(rig.chat(limited(400)).await.backend(), "api");
    let reply = rig.chat_with(&explained, limited(500)).await;
    assert_eq!((reply.status.as_u16(), reply.backend()), (200, "fleet"));
    assert!(reply.header("x-flotilla-decision").contains("budget daily cannot pay for api"));
    // The fleet's answers do not count.
    let before = taken(&rig);
    assert_eq!(rig.chat(limited(10_000)).await.backend(), "fleet");
    assert_eq!(taken(&rig), before);
}

/// Two APIs, the first of which counts in a budget of 500 tokens, and a fleet.
async fn three(then: &str) -> (Rig, [Provider; 3]) {
    let (pod, dear, cheap) = (engine().await, provider().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\n{}\ndefault: {{backends: [{{name: dear}}], fallback: [cheap, fleet]}}\nbudgets: [{{name: daily, per: Day, tokens: 500, {then}}}]",
        external("dear", &dear),
        external("cheap", &cheap),
        fleet("fleet", &[pod.address]),
    ))
    .await;
    (rig, [pod, dear, cheap])
}

#[tokio::test]
async fn what_a_budget_cannot_pay_for_is_answered_by_the_next_backend_that_it_does_not_count() {
    let (rig, [_pod, dear, _cheap]) = three("backends: [dear], onExceeded: Fallback").await;
    assert_eq!(rig.chat(limited(400)).await.backend(), "dear");
    assert_eq!(rig.chat(limited(500)).await.backend(), "cheap");
    assert_eq!(rig.chat(limited(400)).await.backend(), "dear");
    assert_eq!(dear.seen().requests, 2);
}

#[tokio::test]
async fn a_failover_to_a_backend_that_is_not_paid_for_ends_as_the_budget_says() {
    for (then, answered) in
        [("backends: [cheap]", "insufficient_quota"), ("backends: [cheap], onExceeded: Fallback", "fleet")]
    {
        let (rig, [_pod, dear, cheap]) = three(then).await;
        dear.script(Script { faults: [Fault::Reset].into(), repeat: true, ..Script::default() });
        let reply = rig.chat(limited(500)).await;
        let by = if reply.status == 200 { reply.backend().to_owned() } else { reply.code() };
        assert_eq!(by, answered, "{then}");
        assert_eq!((cheap.seen().requests, taken(&rig)), (0, 0));
    }
}

#[tokio::test]
async fn requests_that_cost_a_budget_nothing_need_none_of_it() {
    let (pod, api) = (engine().await, provider().await);
    let rig = Rig::start(&format!(
        "backends:\n{}\n{}\ndefault: {{backends: [{{name: fleet}}], fallback: [api]}}\nbudgets: [{{name: daily, per: Day, usd: '0.000000001'}}]",
        fleet("fleet", &[pod.address]),
        external("api", &api)
    ))
    .await;
    assert_eq!(rig.chat(limited(500)).await.backend(), "fleet");
    pod.script(Script { faults: [Fault::Reset].into(), repeat: true, ..Script::default() });
    assert_eq!(rig.chat(limited(500)).await.code(), "insufficient_quota");
    assert_eq!(api.seen().requests, 0);
}

#[tokio::test]
async fn every_leg_of_a_request_reserves_for_itself() {
    let (slow, fast) = (engine().await, engine().await);
    let policy = |tokens: u64| {
        format!(
            "backends:\n{}\n{}\ndefault: {{backends: [{{name: slow}}], fallback: [fast], hedge: true}}\nbudgets: [{{name: daily, per: Day, tokens: {tokens}}}]",
            fleet("slow", &[slow.address]),
            fleet("fast", &[fast.address])
        )
    };
    let rig = Rig::start(&policy(1_000_000)).await;
    // What is usual, before the first one is slow.
    for _ in 0..40 {
        rig.chat(limited(10)).await;
    }
    let before = taken(&rig);
    slow.script(Script { faults: [Fault::Stall].into(), repeat: true, ..Script::default() });
    let hedged = rig.chat(limited(100)).await;
    assert_eq!((hedged.status.as_u16(), fast.seen().requests), (200, 1));
    // The prompt of the first leg, by estimate, and all of the second.
    let usage = [rig.usage("slow"), rig.usage("fast")];
    let counted: u64 = usage.iter().map(|usage| usage.prompt_tokens + usage.completion_tokens).sum();
    assert_eq!(taken(&rig), counted);
    assert!(counted > before);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sixty_four_clients_at_once_spend_no_more_than_there_is() {
    let api = provider().await;
    let rig = Arc::new(Rig::start(&policy(&api, "{name: all, per: Month, usd: '0.1'}")).await);
    api.script(Script { reply: "word ".repeat(50), ..Script::default() });
    let clients = (0..64).map(|_| {
        let rig = Arc::clone(&rig);
        // At most 100 tokens of an answer, and 50 in the end: half a thousandth of a dollar each.
        tokio::spawn(async move {
            let mut served = 0_u64;
            for _ in 0..6 {
                let reply: Reply = rig.chat(limited(100)).await;
                served += u64::from(reply.status == 200);
            }
            served
        })
    });
    let mut served = 0;
    for client in clients.collect::<Vec<_>>() {
        served += client.await.unwrap();
    }
    // What was reserved and not taken in the end is there for others.
    while rig.chat(limited(100)).await.status == 200 {
        served += 1;
    }
    let spent = taken(&rig);
    assert!(spent <= 100_000_000, "{spent}");
    assert!(spent >= 98_900_000, "{spent}");
    assert_eq!(spent, rig.usage("api").cost.0);
    assert_eq!(api.seen().completion_tokens, served * 50);
}
