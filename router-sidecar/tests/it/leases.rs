//! Budgets that several routers spend together: routers with their streams, and the operator's ledger.

use crate::rig::{Rig, config, eventually, external, provider};
use crate::scripted_operator::{Operator, Stream};
use flotilla_crds::router_config::{Lease, OperatorMessage, Period, RouterConfig, RouterMessage, Spent};
use flotilla_e2e::provider::{Provider, Script};
use flotilla_operator::ledger::{Ledger, Report, Reporter, Terms, Unit};
use flotilla_router::serve::Limits;
use flotilla_router::source::file;
use flotilla_router::source::operator::{Endpoint, follow};
use jiff::Timestamp;
use parking_lot::Mutex;
use std::sync::Arc;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

const DOLLAR: u64 = 1_000_000_000;

/// A router that follows an operator.
struct Follower {
    rig: Arc<Rig>,
    _token: tempfile::TempDir,
    _task: AbortOnDropHandle<()>,
}

async fn follower(operator: &Operator) -> Follower {
    let rig = Arc::new(Rig::bare(Limits::default()).await);
    let token = tempfile::tempdir().unwrap();
    std::fs::write(token.path().join("token"), "t").unwrap();
    let endpoint = Endpoint::new(&operator.url, &operator.authority, token.path().join("token")).unwrap();
    let router = Arc::clone(&rig.router);
    let task = tokio::spawn(async move {
        follow(endpoint, &router.store, &router.metrics, CancellationToken::new()).await;
    });
    Follower { rig, _token: token, _task: AbortOnDropHandle::new(task) }
}

/// Answers one router as the operator does, until its stream ends.
async fn serve(mut stream: Stream, session: u64, ledger: Arc<Mutex<Ledger>>) {
    let mut router = 0;
    while let Some(message) = stream.next_or_end().await {
        let RouterMessage::Spend { router: id, accounts } = message else { continue };
        router = id;
        let now = Timestamp::now().as_second();
        let leases = accounts.into_iter().map(|said| {
            let Spent { account, period, granted, returned, spent, needed } = said;
            let report = Report { period, granted, returned, spent, needed };
            let terms = Terms { limit: DOLLAR, per: Period::Month, unit: Unit::NanoUsd };
            let from = Reporter { router, session };
            let grant = ledger.lock().report(&account, terms, from, report, now).unwrap();
            Lease { account, period, granted: grant.granted, exhausted: grant.exhausted }
        });
        let leases = leases.collect();
        stream.send(&OperatorMessage::Leases { leases });
    }
    ledger.lock().leave(Reporter { router, session }, Timestamp::now().as_second());
}

fn leased(api: &Provider) -> RouterConfig {
    leased_as(api, "per: Month, usd: '1'")
}

fn leased_as(api: &Provider, budget: &str) -> RouterConfig {
    let policy = format!(
        "backends:\n{}\ndefault: {{backends: [{{name: api}}]}}\nbudgets: [{{name: monthly, {budget}, leased: true}}]",
        external("api", api)
    );
    RouterConfig::new(file::parse(&config(&policy)).unwrap().policies)
}

/// Routers that spend a dollar a month together.
async fn routers(count: usize, api: &Provider, ledger: &Arc<Mutex<Ledger>>) -> (Operator, Vec<Follower>) {
    let mut operator = Operator::start().await;
    let mut followers = Vec::new();
    for session in 0..count {
        let follower = follower(&operator).await;
        let mut stream = operator.stream().await;
        stream.send(&OperatorMessage::Config { config: leased(api) });
        while !matches!(stream.next_answer().await, RouterMessage::Ack { .. }) {}
        tokio::spawn(serve(stream, session as u64, Arc::clone(ledger)));
        followers.push(follower);
    }
    (operator, followers)
}

/// At most so many tokens of an answer.
fn ask(tokens: u64) -> String {
    format!(r#"{{"model":"assistant","max_tokens":{tokens},"messages":[{{"role":"user","content":"hi"}}]}}"#)
}

/// What was paid in all, by the provider's own count.
fn billed(api: &Provider) -> u64 {
    // 2.50 and 10 USD a million tokens.
    api.seen().prompt_tokens * 2500 + api.seen().completion_tokens * 10_000
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn eight_routers_with_sixty_four_clients_each_spend_a_dollar_and_no_more() {
    let (api, ledger) = (provider().await, Arc::new(Mutex::new(Ledger::new())));
    // A third of what requests reserve is what they take: 0.2 of 0.6 cents.
    api.script(Script { reply: "word ".repeat(200), ..Script::default() });
    let (_operator, followers) = routers(8, &api, &ledger).await;
    let mut clients = JoinSet::new();
    for number in 0..8 * 64 {
        let rig = Arc::clone(&followers[number % 8].rig);
        clients.spawn(async move {
            // Nobody gives up at the first refusal: what others reserved may not be taken in the end.
            let (mut served, mut refused) = (0_u64, 0);
            while refused < 10 {
                let reply = rig.chat(ask(600)).await;
                match reply.status.as_u16() {
                    200 => (served, refused) = (served + 1, 0),
                    429 => {
                        assert_eq!(reply.code(), "insufficient_quota");
                        refused += 1;
                        tokio::time::sleep(std::time::Duration::from_millis(700)).await;
                    }
                    other => panic!("{other}"),
                }
            }
            served
        });
    }
    let served: u64 = clients.join_all().await.into_iter().sum();
    let spent = billed(&api);
    assert_eq!(api.seen().completion_tokens, served * 200);
    assert!(spent <= DOLLAR, "{spent}: more than there is");
    assert!(spent >= DOLLAR / 100 * 98, "{spent}: more than 2 % are left");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_an_idle_router_was_granted_serves_the_others() {
    let (api, ledger) = (provider().await, Arc::new(Mutex::new(Ledger::new())));
    api.script(Script { reply: "word ".repeat(1000), ..Script::default() });
    let (_operator, followers) = routers(4, &api, &ledger).await;
    // Each asks once, for a cent; then three of them are idle.
    for follower in &followers {
        assert_eq!(follower.rig.chat(ask(1000)).await.status, 200);
    }
    let rig = &followers[0].rig;
    let (mut refused, mut last) = (0, 0);
    while refused < 8 {
        if rig.chat(ask(1000)).await.status == 429 {
            refused = if billed(&api) == last { refused + 1 } else { 0 };
            last = billed(&api);
            tokio::time::sleep(std::time::Duration::from_secs(1)).await;
        }
    }
    let spent = billed(&api);
    assert!((DOLLAR / 100 * 98..=DOLLAR).contains(&spent), "{spent}");
}

/// Answers one router whose config changes, by the terms of the one that it has in force.
async fn serve_changing(mut stream: Stream, mut configs: mpsc::Receiver<(RouterConfig, Terms)>) {
    let (mut ledger, mut sent, mut terms) = (Ledger::new(), None, None);
    loop {
        let message = tokio::select! {
            Some((config, next)) = configs.recv() => {
                (sent, terms) = (Some(next), None);
                stream.send(&OperatorMessage::Config { config });
                continue;
            }
            message = stream.next_or_end() => message,
        };
        match message {
            Some(RouterMessage::Ack { .. }) => terms = sent,
            Some(RouterMessage::Spend { router, accounts }) => {
                let now = Timestamp::now().as_second();
                let leases = accounts.into_iter().filter_map(|said| {
                    let Spent { account, period, granted, returned, spent, needed } = said;
                    let report = Report { period, granted, returned, spent, needed };
                    let from = Reporter { router, session: 0 };
                    let grant = ledger.report(&account, terms?, from, report, now)?;
                    Some(Lease { account, period, granted: grant.granted, exhausted: grant.exhausted })
                });
                let leases = leases.collect();
                stream.send(&OperatorMessage::Leases { leases });
            }
            Some(_) => {}
            None => return,
        }
    }
}

#[tokio::test]
async fn a_budget_that_counts_otherwise_under_its_old_name_is_leased_anew() {
    let api = provider().await;
    let mut operator = Operator::start().await;
    let follower = follower(&operator).await;
    let (changes, configs) = mpsc::channel(1);
    tokio::spawn(serve_changing(operator.stream().await, configs));
    let taken = || {
        let snapshot = follower.rig.router.store.current().unwrap();
        snapshot.policies[0].budgets[0].purses.of(None).taken()
    };
    for (budget, limit, per, unit) in [
        ("per: Day, usd: '1'", DOLLAR, Period::Day, Unit::NanoUsd),
        ("per: Month, usd: '1'", DOLLAR, Period::Month, Unit::NanoUsd),
        ("per: Month, tokens: 3000", 3000, Period::Month, Unit::Tokens),
        ("per: Hour, tokens: 3000", 3000, Period::Hour, Unit::Tokens),
    ] {
        let config = leased_as(&api, budget);
        let revision = config.revision.clone();
        changes.send((config, Terms { limit, per, unit })).await.unwrap();
        eventually("the config is in force", || {
            follower.rig.router.store.current().is_some_and(|snapshot| snapshot.revision == revision)
        })
        .await;
        for _ in 0..5 {
            assert_eq!(follower.rig.chat(ask(1000)).await.status, 200, "{budget}");
        }
        assert!((1..limit).contains(&taken()), "{budget}: {}", taken());
    }
}
