//! Policies for clients with a key: who gets in, how much, and what clients are told.

use crate::rig::{KEY, Reply, Rig, ask, external, provider};
use flotilla_e2e::provider::{Fault, Provider, Script};
use sha2::{Digest, Sha256};
use std::fmt::Write as _;

fn sha256(key: &str) -> String {
    Sha256::digest(key).iter().fold(String::new(), |mut hex, byte| {
        let _ = write!(hex, "{byte:02x}");
        hex
    })
}

fn policy(api: &Provider, limits: &str) -> String {
    format!(
        "backends:\n{}\ndefault: {{backends: [{{name: api}}]}}\nclients: {{keys: [{{name: team-a, sha256: {}}}, {{name: team-b, sha256: {}}}], limits: {{{limits}}}}}",
        external("api", api),
        sha256("key-a"),
        sha256("key-b")
    )
}

async fn with_key(rig: &Rig, key: &str) -> Reply {
    rig.chat_with(&[("authorization", &format!("Bearer {key}"))], ask("hi", false)).await
}

#[tokio::test]
async fn without_a_key_of_the_policy_nobody_gets_in() {
    let api = provider().await;
    let rig = Rig::start(&policy(&api, "")).await;
    for headers in [
        &[][..],
        &[("authorization", "Bearer key-c")],
        &[("authorization", "key-a")],
        &[("authorization", KEY)],
        &[("x-api-key", "team-a")],
    ] {
        let reply = rig.chat_with(headers, ask("hi", false)).await;
        assert_eq!((reply.status.as_u16(), reply.code().as_str()), (401, "invalid_api_key"), "{headers:?}");
        assert_eq!(reply.header("www-authenticate"), "Bearer");
        assert!(!String::from_utf8_lossy(&reply.body).contains("key-"));
    }
    assert_eq!(api.seen().requests, 0);
    assert_eq!(with_key(&rig, "key-a").await.status, 200);
    assert_eq!(rig.chat_with(&[("x-api-key", "key-b")], ask("hi", true)).await.status, 200);
    // The client's key is not passed on, in whichever header it came.
    assert_eq!(api.last().headers["authorization"], format!("Bearer {KEY}"));
    assert!(!api.last().headers.contains_key("x-api-key"));
    // A key that is taken away is of no use any more.
    rig.apply(&policy(&api, "").replace("team-a", "team-x").replace(&sha256("key-a"), &sha256("key-x")));
    assert_eq!(with_key(&rig, "key-a").await.status, 401);
    assert_eq!(with_key(&rig, "key-x").await.status, 200);
}

#[tokio::test]
async fn each_client_has_limits_of_its_own_and_is_told_of_them() {
    let api = provider().await;
    let rig = Rig::start(&policy(&api, "requestsPerMinute: 2")).await;
    let first = with_key(&rig, "key-a").await;
    assert_eq!(
        ["limit", "remaining"].map(|what| first.header(&format!("x-ratelimit-{what}-requests")).to_owned()),
        ["2", "1"]
    );
    assert!(first.header("x-ratelimit-limit-tokens").is_empty());
    assert_eq!(with_key(&rig, "key-a").await.status, 200);
    let third = with_key(&rig, "key-a").await;
    assert_eq!((third.status.as_u16(), third.code().as_str()), (429, "rate_limit_exceeded"));
    assert_eq!(third.header("x-ratelimit-remaining-requests"), "0");
    let wait: u64 = third.header("retry-after").parse().unwrap();
    assert!((1..=30).contains(&wait), "{wait}");
    // Another client is not held up, and a new config does not give the first one a new minute.
    assert_eq!(with_key(&rig, "key-b").await.status, 200);
    rig.apply(&format!("{}\ntimeouts: {{idleMs: 1234}}", policy(&api, "requestsPerMinute: 2")));
    assert_eq!(with_key(&rig, "key-a").await.status, 429);
}

#[tokio::test]
async fn tokens_are_settled_by_what_was_used() {
    let api = provider().await;
    let rig = Rig::start(&policy(&api, "tokensPerMinute: 1000")).await;
    let left = |reply: &Reply| reply.header("x-ratelimit-remaining-tokens").parse::<u64>().unwrap();
    api.script(Script { reply: "word ".repeat(500), ..Script::default() });
    // "hi" is thought to have 5 tokens; the provider bills 1 for it, and 500 for the answer.
    assert_eq!(left(&with_key(&rig, "key-a").await), 995);
    api.script(Script {
        faults: [Fault::Status(500)].into(),
        reply: "word ".repeat(600),
        ..Script::default()
    });
    let failed = with_key(&rig, "key-a").await;
    // A little has come back meanwhile.
    assert!((494..=520).contains(&left(&failed)), "{}", left(&failed));
    // What failed used nothing; the next one takes more than is left, which is paid for later.
    assert_eq!(with_key(&rig, "key-a").await.status, 200);
    let spent = with_key(&rig, "key-a").await;
    assert_eq!((spent.status.as_u16(), left(&spent)), (429, 0));
    assert!(spent.header("retry-after").parse::<u64>().unwrap() >= 1);
}
