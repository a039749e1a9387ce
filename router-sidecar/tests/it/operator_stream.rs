//! The stream to the operator: configs down, answers and usage up.

use crate::rig::{Rig, ask, config, external, provider};
use crate::scripted_operator::{Operator, Stream};
use flotilla_crds::router_config::{Lease, OperatorMessage, RouterConfig, RouterMessage, Spent};
use flotilla_e2e::provider::Provider;
use flotilla_router::serve::Limits;
use flotilla_router::source::file;
use flotilla_router::source::operator::{Endpoint, follow};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

struct Following {
    rig: Rig,
    operator: Operator,
    api: Provider,
    token: PathBuf,
    stop: CancellationToken,
    _folder: tempfile::TempDir,
    _task: AbortOnDropHandle<()>,
}

async fn following() -> Following {
    let (operator, api) = (Operator::start().await, provider().await);
    let rig = Rig::bare(Limits::default()).await;
    let folder = tempfile::tempdir().unwrap();
    let token = folder.path().join("token");
    std::fs::write(&token, "token-1\n").unwrap();
    let endpoint = Endpoint::new(&operator.url, &operator.authority, token.clone()).unwrap();
    let router = Arc::clone(&rig.router);
    let stop = CancellationToken::new();
    let stopped = stop.clone();
    let task = tokio::spawn(async move {
        follow(endpoint, &router.store, &router.metrics, stopped).await;
    });
    Following { rig, operator, api, token, stop, _folder: folder, _task: AbortOnDropHandle::new(task) }
}

impl Following {
    /// A config whose content, and so whose revision, depends on `mark`.
    fn config(&self, mark: u32) -> RouterConfig {
        let policy = format!(
            "backends:\n{}\ndefault: {{backends: [{{name: api, weight: {mark}}}]}}",
            external("api", &self.api)
        );
        RouterConfig::new(file::parse(&config(&policy)).unwrap().policies)
    }
}

fn hello(message: RouterMessage) -> String {
    match message {
        RouterMessage::Hello { revision, .. } => revision,
        other => panic!("{other:?} came before hello"),
    }
}

#[tokio::test]
async fn a_config_is_in_force_when_it_is_acknowledged_and_a_wrong_one_is_refused_with_the_reason() {
    let mut f = following().await;
    let mut stream = f.operator.stream().await;
    assert_eq!(stream.authorization, "Bearer token-1");
    assert_eq!(hello(stream.next().await), "");
    assert_eq!(f.rig.get("/readyz").await.status, 503);

    let good = f.config(1);
    stream.send(&OperatorMessage::Ping);
    stream.send(&OperatorMessage::Config { config: good.clone() });
    assert_eq!(stream.next_answer().await, RouterMessage::Ack { revision: good.revision.clone() });
    assert_eq!(f.rig.chat(ask("hi", false)).await.status, 200);

    let mut bad = f.config(2);
    "nowhere".clone_into(&mut bad.policies[0].default.backends[0].name);
    stream.send(&OperatorMessage::Config { config: bad.clone() });
    let RouterMessage::Refuse { revision, message } = stream.next_answer().await else {
        panic!("a wrong config was taken");
    };
    assert_eq!(revision, bad.revision);
    assert!(message.contains("there is no backend named \"nowhere\""), "{message}");
    assert_eq!(f.rig.router.store.current().unwrap().revision, good.revision);
    assert_eq!(f.rig.chat(ask("hi", true)).await.status, 200);
}

#[tokio::test]
async fn usage_goes_up_as_it_is_billed_and_only_when_it_changed() {
    let mut f = following().await;
    let mut stream = f.operator.stream().await;
    hello(stream.next().await);
    stream.send(&OperatorMessage::Config { config: f.config(1) });
    stream.next_answer().await;
    for stream in [true, false, true] {
        f.rig.chat(ask("two words", stream)).await;
    }
    let mut reports = Vec::new();
    let last = loop {
        let RouterMessage::Usage { backends } = stream.next().await else { continue };
        assert!(!reports.contains(&backends), "a report without news");
        reports.push(backends.clone());
        if backends[0].requests == 3 {
            break backends;
        }
    };
    let billed = f.api.seen();
    assert_eq!(
        (last[0].policy.as_str(), last[0].backend.as_str(), last[0].external),
        ("team/assistant", "api", true)
    );
    assert_eq!(
        (last[0].prompt_tokens, last[0].completion_tokens),
        (billed.prompt_tokens, billed.completion_tokens)
    );
    assert_eq!(last[0].cost.0, billed.prompt_tokens * 2_500 + billed.completion_tokens * 10_000);
}

#[tokio::test]
async fn a_router_that_stops_reports_what_it_served_last() {
    let mut f = following().await;
    let mut stream = f.operator.stream().await;
    hello(stream.next().await);
    stream.send(&OperatorMessage::Config { config: f.config(1) });
    stream.next_answer().await;
    f.rig.chat(ask("hi", false)).await;
    f.stop.cancel();
    let mut last = 0;
    while let Some(message) = stream.next_or_end().await {
        if let RouterMessage::Usage { backends } = message {
            last = backends[0].requests;
        }
    }
    assert_eq!(last, 1);
}

#[tokio::test]
async fn without_the_operator_the_last_config_serves_and_the_next_stream_says_which() {
    let mut f = following().await;
    let mut stream = f.operator.stream().await;
    hello(stream.next().await);
    let good = f.config(1);
    stream.send(&OperatorMessage::Config { config: good.clone() });
    stream.next_answer().await;
    for line in [None, Some("{\"type\":\"unheardOf\"}"), Some("not json")] {
        std::fs::write(&f.token, "token-2").unwrap();
        match line {
            Some(line) => stream.send_raw(line),
            None => drop(stream),
        }
        assert_eq!(f.rig.chat(ask("hi", false)).await.status, 200);
        stream = f.operator.stream().await;
        assert_eq!(stream.authorization, "Bearer token-2");
        assert_eq!(hello(stream.next().await), good.revision);
    }
    let next = f.config(2);
    stream.send(&OperatorMessage::Config { config: next.clone() });
    assert_eq!(stream.next_answer().await, RouterMessage::Ack { revision: next.revision });
}

#[tokio::test]
async fn a_silent_stream_is_given_up_and_opened_again() {
    let mut f = following().await;
    let mut silent = f.operator.stream().await;
    hello(silent.next().await);
    tokio::time::pause();
    tokio::time::advance(Duration::from_secs(31)).await;
    tokio::time::resume();
    let mut next = f.operator.stream().await;
    hello(next.next().await);
}

#[tokio::test]
async fn an_operator_of_another_authority_gets_neither_token_nor_trust() {
    let (mut operator, other) = (Operator::start().await, Operator::start().await);
    let rig = Rig::bare(Limits::default()).await;
    let token = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(token.path(), "token").unwrap();
    let endpoint = Endpoint::new(&operator.url, &other.authority, token.path().to_owned()).unwrap();
    let following = follow(endpoint, &rig.router.store, &rig.router.metrics, CancellationToken::new());
    tokio::select! {
        () = following => {}
        _ = operator.stream() => panic!("the router trusted a stranger"),
        () = tokio::time::sleep(Duration::from_secs(1)) => {}
    }
    assert_eq!(rig.router.metrics.stream_connected.get(), 0);
}

#[test]
fn an_unusable_operator_is_refused_at_the_start() {
    let pem = "no certificate";
    for url in ["http://operator:9443", "operator:9443", "https://operator/path", "https://"] {
        let error = Endpoint::new(url, pem, PathBuf::new()).unwrap_err().to_string();
        assert!(error.contains("https://host:port"), "{url}: {error}");
    }
    let error = Endpoint::new("https://operator:9443", pem, PathBuf::new()).unwrap_err().to_string();
    assert!(error.contains("at least one certificate"), "{error}");
}

/// A lease for whatever account was spoken of.
fn lease(spent: &Spent, granted: u64, exhausted: bool) -> OperatorMessage {
    let Spent { account, period, .. } = spent.clone();
    OperatorMessage::Leases { leases: vec![Lease { account, period, granted, exhausted }] }
}

/// The next thing that the router says of its only account.
async fn spending(stream: &mut Stream) -> Spent {
    loop {
        if let RouterMessage::Spend { mut accounts, .. } = stream.next().await {
            return accounts.remove(0);
        }
    }
}

#[tokio::test]
async fn a_leased_budget_is_spent_as_the_operator_grants_it() {
    let mut f = following().await;
    let mut stream = f.operator.stream().await;
    let policy = format!(
        "backends:\n{}\ndefault: {{backends: [{{name: api}}]}}\nbudgets: [{{name: all, per: Month, tokens: 1000000, leased: true}}]",
        external("api", &f.api)
    );
    let config = RouterConfig::new(file::parse(&config(&policy)).unwrap().policies);
    stream.send(&OperatorMessage::Config { config });
    stream.next_answer().await;
    stream.next_answer().await;
    let rig = Arc::new(f.rig);
    let asked = |tokens: u64| {
        let (rig, body) =
            (Arc::clone(&rig), ask("hi", false).replacen('{', &format!(r#"{{"max_tokens":{tokens},"#), 1));
        tokio::spawn(async move { rig.chat(body).await.status.as_u16() })
    };
    // Nothing was granted yet: the request waits, and says at once what it needs.
    let waiting = asked(95);
    let spent = spending(&mut stream).await;
    assert_eq!((spent.granted, spent.spent, spent.needed), (0, 0, 100));
    stream.send(&lease(&spent, 300, false));
    assert_eq!(waiting.await.unwrap(), 200);
    // Settled by the provider's bill, and told.
    let spent = loop {
        let spent = spending(&mut stream).await;
        if spent.needed == 0 && spent.spent > 0 {
            break spent;
        }
    };
    assert_eq!((spent.granted, spent.spent), (300, 6));
    // More than the lease: it waits again, and hears that there is no more.
    let waiting = asked(400);
    let spent = spending(&mut stream).await;
    assert_eq!((spent.spent, spent.needed), (6, 405));
    stream.send(&lease(&spent, 300, true));
    assert_eq!(waiting.await.unwrap(), 429);
    // What is left of the lease is still there.
    assert_eq!(asked(200).await.unwrap(), 200);
}
