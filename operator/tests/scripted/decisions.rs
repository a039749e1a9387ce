//! What scaling decided and what becomes of an object is told in events, whatever else goes wrong.

use crate::api_server::{ApiServer, Fault};
use crate::download::gpus;
use crate::observe::owned;
use crate::reconcile::{DEPLOYMENT, EVENTS, OBJECT, object, once, with_stores};
use flotilla_crds::model_deployment::{ScalingChange, ScalingMode, ScalingStatus, SpillStatus};
use flotilla_crds::router_config::SpillState;
use flotilla_operator::decide::placement::Inventory;
use flotilla_operator::fleet::Stores;
use flotilla_operator::model_deployment::Context;
use flotilla_operator::model_deployment::file::Files;
use flotilla_operator::routing_policy::ObjectKey;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::{Value, json};
use std::sync::Arc;

const REASON: &str = "DemandRose";

fn change(time: &str, from: i32, to: i32) -> ScalingChange {
    let time = Time(time.parse().unwrap());
    ScalingChange { time, from, to, reason: REASON.to_owned(), message: "more is asked for".to_owned() }
}

/// To as many replicas as the last change says.
fn decision(history: Vec<ScalingChange>) -> ScalingStatus {
    let desired = history.first().map_or(1, |change| change.to);
    ScalingStatus { desired, reason: REASON.to_owned(), history, ..ScalingStatus::default() }
}

async fn scaled(server: &ApiServer) -> Arc<Context> {
    let mut scaled = object();
    scaled["spec"]["scaling"] = json!({"maxReplicas": 9});
    server.put(OBJECT, scaled);
    with_stores(server, true, Files::off(), Stores::empty(), Inventory::default()).await
}

fn post(context: &Context, status: ScalingStatus) {
    let key = ObjectKey { namespace: "apps".to_owned(), name: "tiny".to_owned() };
    context.scaling.post(&key, ScalingMode::Active, status, Timestamp::now());
}

/// What events of a reason say, in no order.
fn notes(server: &ApiServer, reason: &str) -> Vec<String> {
    let state = server.0.lock().unwrap();
    let is = |(path, event): &(&String, &Value)| path.starts_with(EVENTS) && event["reason"] == reason;
    let events = state.objects.iter().filter(is);
    let mut notes: Vec<_> = events.map(|(_, event)| event["note"].as_str().unwrap().to_owned()).collect();
    notes.sort();
    notes
}

/// How often the decision was told where this request fails, and how many requests there were until all was done.
async fn told(failing: Option<usize>) -> (usize, usize) {
    let server = ApiServer::default();
    let context = scaled(&server).await;
    post(&context, decision(vec![change("2026-01-05T01:00:00Z", 1, 3)]));
    if let Some(request) = failing {
        server.fail(request, Fault::Refused(500));
    }
    while once(&server, &context).await.is_err() {}
    (notes(&server, REASON).len(), server.requests())
}

#[tokio::test]
async fn each_change_is_told_though_the_one_before_had_the_same_reason() {
    let server = ApiServer::default();
    let context = scaled(&server).await;
    let mut history = vec![change("2026-01-05T01:00:00Z", 1, 2)];
    for next in [change("2026-01-05T01:00:01Z", 2, 4), change("2026-01-05T01:00:02Z", 4, 5)] {
        post(&context, decision(history.clone()));
        once(&server, &context).await.unwrap();
        history.insert(0, next);
    }
    // Two of them at once.
    history.insert(0, change("2026-01-05T01:00:03Z", 1, 2));
    post(&context, decision(history));
    once(&server, &context).await.unwrap();
    let changes =
        ["1 -> 2", "1 -> 2", "2 -> 4", "4 -> 5"].map(|change| format!("{change}: more is asked for"));
    assert_eq!(notes(&server, REASON), changes);
}

#[tokio::test]
async fn each_reason_to_go_outside_is_told() {
    let server = ApiServer::default();
    let context = scaled(&server).await;
    let states = [SpillState::Pending, SpillState::Loading];
    for state in states.map(Some).into_iter().chain([None]) {
        let since = Time("2026-01-05T01:00:00Z".parse().unwrap());
        let spill = state.map(|state| SpillStatus { state, percent: 100, since, message: "all".to_owned() });
        post(&context, ScalingStatus { spill, ..decision(Vec::new()) });
        once(&server, &context).await.unwrap();
    }
    assert_eq!(notes(&server, "Spilling"), ["Loading: all", "Pending: all"]);
    assert_eq!(notes(&server, "SpillEnded"), ["Loading is over: requests go to the fleet"]);
}

#[tokio::test]
async fn a_decision_is_told_once_though_what_follows_it_fails() {
    let (once, requests) = told(None).await;
    assert_eq!(once, 1);
    // The first request is the event itself: events are not worth a second try.
    for request in 1..requests {
        assert_eq!(told(Some(request)).await.0, 1, "request {request} failed");
    }
}

#[tokio::test]
async fn each_state_is_told_in_its_own_words_and_one_that_comes_again_is_no_second_event() {
    let server = ApiServer::default();
    server.put(OBJECT, object());
    let context = with_stores(&server, true, Files::off(), Stores::empty(), gpus(4)).await;
    let deployment = |ready: i32| {
        let status = json!({"observedGeneration": 1, "replicas": 3, "readyReplicas": ready});
        owned(json!({"metadata": {"name": "tiny", "namespace": "apps"}, "status": status}))
    };
    // Wanted and ready; only another number, in the fourth, is no new state.
    for (wanted, ready) in [(2, 1), (2, 2), (3, 2), (3, 1), (3, 3), (3, 2)] {
        let mut object = server.get(OBJECT).unwrap();
        object["spec"]["replicas"] = json!(wanted);
        server.put(OBJECT, object);
        server.put(DEPLOYMENT, deployment(ready));
        once(&server, &context).await.unwrap();
    }
    assert_eq!(notes(&server, "Progressing"), ["1 of 2 replicas serve", "2 of 3 replicas serve"]);
    assert_eq!(notes(&server, "Serving"), ["2 of 2 replicas serve", "3 of 3 replicas serve"]);
}
