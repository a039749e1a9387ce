//! A watch that drops, is told that its version is too old, or is refused: the last state is kept and the next one
//! arrives.

use bytes::Bytes;
use flotilla_operator::fleet::{ClientKeys, SecretState, Secrets};
use flotilla_operator::routing_policy::ObjectKey;
use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::convert::Infallible;
use std::sync::{Arc, Mutex};
use std::time::Duration;
use tokio::sync::Notify;

/// One answer, for a list or a watch.
#[derive(Debug, Clone)]
enum Answer {
    List(Option<&'static str>),
    Watch(Vec<Value>),
    Refuse(u16),
}

fn secret(key: &str) -> Value {
    use base64::Engine as _;
    let key = base64::engine::general_purpose::STANDARD.encode(key);
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "keys", "namespace": "apps", "uid": "u", "resourceVersion": "7"}, "data": {"apiKey": key}})
}

fn modified(key: &str) -> Value {
    json!({"type": "MODIFIED", "object": secret(key)})
}

fn gone() -> Value {
    json!({"type": "ERROR", "object": {"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "too old", "reason": "Expired", "code": 410}})
}

/// Plays the answers in order, each checked for being asked as it should; then watches stay open.
fn client(answers: Vec<Answer>, left: &Arc<Mutex<Vec<Answer>>>, selector: &'static str) -> Client {
    *left.lock().unwrap() = answers.into_iter().rev().collect();
    let left = left.clone();
    Client::new(
        tower::service_fn(move |request: Request<Body>| {
            let query = request.uri().query().unwrap_or_default().to_owned();
            assert!(query.contains(selector), "all Secrets were asked for: {query}");
            let next = left.lock().unwrap().pop();
            async move {
                let lines = |events: Vec<Value>| {
                    events.iter().map(Value::to_string).collect::<Vec<_>>().join("\n") + "\n"
                };
                let (status, text) = match next {
                    None => return std::future::pending().await,
                    Some(Answer::Refuse(code)) => {
                        (code, json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": "scripted", "code": code}).to_string())
                    }
                    Some(Answer::List(key)) => {
                        assert!(!query.contains("watch=true"), "{query}");
                        let items: Vec<_> = key.map(secret).into_iter().collect();
                        (200, json!({"apiVersion": "v1", "kind": "SecretList", "metadata": {"resourceVersion": "5"}, "items": items}).to_string())
                    }
                    Some(Answer::Watch(events)) => {
                        assert!(query.contains("watch=true"), "{query}");
                        (200, lines(events))
                    }
                };
                let mut response = Response::new(Body::from(Bytes::from(text).to_vec()));
                *response.status_mut() = http::StatusCode::from_u16(status).unwrap();
                Ok::<_, Infallible>(response)
            }
        }),
        "apps",
    )
}

/// Every state that the Secret is seen in until the script has ended.
async fn states(answers: Vec<Answer>) -> Vec<Option<String>> {
    let left = Arc::default();
    let changed = Arc::new(Notify::new());
    let named = client(answers, &left, "fieldSelector=metadata.name%3Dkeys");
    let mut secrets = Secrets::new(named, changed.clone());
    let key = ObjectKey { namespace: "apps".to_owned(), name: "keys".to_owned() };
    secrets.watch_only(&BTreeSet::from([key.clone()]));
    assert_eq!(secrets.get(&key), SecretState::Loading);
    let mut seen = Vec::new();
    while tokio::time::timeout(Duration::from_mins(10), changed.notified()).await.is_ok() {
        seen.push(match secrets.get(&key) {
            SecretState::Present(data) => Some(data["apiKey"].reveal().to_owned()),
            SecretState::Missing => None,
            SecretState::Loading => panic!("a state was forgotten"),
        });
    }
    assert!(left.lock().unwrap().is_empty(), "not asked: {:?}", left.lock().unwrap());
    seen
}

fn some(keys: &[&str]) -> Vec<Option<String>> {
    keys.iter().map(|key| Some((*key).to_owned())).collect()
}

#[tokio::test(start_paused = true)]
async fn a_dropped_watch_goes_on_and_loses_no_change() {
    use Answer::{List, Watch};
    let seen = states(vec![
        List(Some("a")),
        Watch(vec![]),
        Watch(vec![modified("b")]),
        Watch(vec![]),
        Watch(vec![modified("c")]),
    ])
    .await;
    assert_eq!(seen.last(), some(&["c"]).last());
    assert!(seen.iter().all(Option::is_some), "{seen:?}");
}

#[tokio::test(start_paused = true)]
async fn a_version_too_old_is_listed_anew() {
    use Answer::{List, Watch};
    let seen = states(vec![List(Some("a")), Watch(vec![gone()]), List(Some("b"))]).await;
    assert_eq!(seen, some(&["a", "b"]));
}

#[tokio::test(start_paused = true)]
async fn a_refused_watch_keeps_the_last_state() {
    use Answer::{List, Refuse, Watch};
    let seen = states(vec![
        Refuse(500),
        List(Some("a")),
        Watch(vec![]),
        Refuse(403),
        Refuse(500),
        Watch(vec![gone()]),
        Refuse(429),
        List(Some("a")),
    ])
    .await;
    assert_eq!(seen, some(&["a"]), "nothing changed, and nobody was told so");
}

#[tokio::test(start_paused = true)]
async fn a_secret_deleted_while_nobody_watched_is_missing() {
    use Answer::{List, Watch};
    let seen = states(vec![List(Some("a")), Watch(vec![gone()]), List(None)]).await;
    assert_eq!(seen, [Some("a".to_owned()), None]);
}

/// Nobody gets in either way, and only one of the two is as it should be.
#[tokio::test(start_paused = true)]
async fn that_the_keys_of_clients_could_not_be_read_does_not_say_that_there_are_none() {
    use Answer::{List, Refuse};
    let (left, changed) = (Arc::default(), Arc::new(Notify::new()));
    let answers = vec![Refuse(403), Refuse(403), List(None)];
    let of_policy = client(answers, &left, "labelSelector=flotilla.dev%2Fclient-of%3Dsplit");
    let mut keys = ClientKeys::new(of_policy, changed.clone());
    let policy = ObjectKey { namespace: "apps".to_owned(), name: "split".to_owned() };
    assert!(keys.watch_only(&BTreeSet::from([policy.clone()])));
    while left.lock().unwrap().len() > 1 {
        assert_eq!(keys.get(&policy), None);
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    changed.notified().await;
    assert_eq!(keys.get(&policy), Some(Arc::default()));
}
