//! What scaling decided is told in events, whatever else goes wrong.

use crate::api_server::{ApiServer, Fault};
use crate::reconcile::{EVENTS, OBJECT, empty_stores, object, once, with_stores};
use flotilla_crds::model_deployment::{ScalingChange, ScalingStatus};
use flotilla_operator::decide::placement::Inventory;
use flotilla_operator::model_deployment::file::Files;
use flotilla_operator::routing_policy::ObjectKey;
use jiff::Timestamp;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;
use serde_json::json;

const REASON: &str = "DemandRose";

/// From one replica to three.
fn decision() -> ScalingStatus {
    let change = ScalingChange {
        time: Time("2026-01-05T01:00:00Z".parse().unwrap()),
        from: 1,
        to: 3,
        reason: REASON.to_owned(),
        message: "more is asked for".to_owned(),
    };
    ScalingStatus { desired: 3, reason: REASON.to_owned(), history: vec![change], ..ScalingStatus::default() }
}

/// How often the decision was told where this request fails, and how many requests there were until all was done.
async fn told(failing: Option<usize>) -> (usize, usize) {
    let server = ApiServer::default();
    let mut scaled = object();
    scaled["spec"]["scaling"] = json!({"maxReplicas": 9});
    server.put(OBJECT, scaled);
    let context = with_stores(&server, true, Files::off(), empty_stores(), Inventory::default()).await;
    let key = ObjectKey { namespace: "apps".to_owned(), name: "tiny".to_owned() };
    context.scaling.post(&key, decision(), Timestamp::now());
    if let Some(request) = failing {
        server.fail(request, Fault::Refused(500));
    }
    while once(&server, &context).await.is_err() {}
    let state = server.0.lock().unwrap();
    let is =
        |(path, event): &(&String, &serde_json::Value)| path.starts_with(EVENTS) && event["reason"] == REASON;
    (state.objects.iter().filter(is).count(), state.log.len())
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
