//! Mode DRA: the claim template comes before the pods, once; an earlier one goes when no pod is of it any more.

use crate::api_server::ApiServer;
use crate::reconcile::{DEPLOYMENT, OBJECT, context, once, with_stores};
use flotilla_operator::decide::placement::Inventory;
use flotilla_operator::fleet::Stores;
use flotilla_operator::model_deployment::Context;
use flotilla_operator::model_deployment::file::Files;
use http::Method;
use k8s_openapi::api::resource::v1::ResourceClaimTemplate;
use kube::runtime::{reflector, watcher};
use serde_json::{Value, json};
use std::sync::Arc;

const TEMPLATES: &str = "/apis/resource.k8s.io/v1/namespaces/apps/resourceclaimtemplates/";

fn set(server: &ApiServer, placement: Value) {
    let mut object = server.get(OBJECT).unwrap();
    object["spec"]["placement"] = placement;
    server.put(OBJECT, object);
}

/// The paths of the claim templates that there are.
fn templates(server: &ApiServer) -> Vec<String> {
    let state = server.0.lock().unwrap();
    state.objects.keys().filter(|path| path.starts_with(TEMPLATES)).cloned().collect()
}

/// As the Deployment controller does once every pod is of the present template.
fn roll_out(server: &ApiServer) {
    let mut deployment = server.get(DEPLOYMENT).unwrap();
    deployment["metadata"]["generation"] = json!(1);
    deployment["status"] = json!({"observedGeneration": 1, "replicas": 2, "updatedReplicas": 2});
    server.put(DEPLOYMENT, deployment);
}

/// A context whose cache has the claim templates that there are.
async fn with_templates(server: &ApiServer) -> Arc<Context> {
    let (store, mut writer) = reflector::store();
    for path in templates(server) {
        let template: ResourceClaimTemplate = serde_json::from_value(server.get(&path).unwrap()).unwrap();
        writer.apply_watcher_event(&watcher::Event::Apply(template));
    }
    let stores = Stores { claim_templates: store, ..Stores::empty() };
    with_stores(server, true, Files::off(), stores, Inventory::default()).await
}

#[tokio::test]
async fn a_claim_template_is_made_once_and_goes_when_no_pod_is_of_it() {
    let server = ApiServer::default();
    let context = context(&server, true, Files::off()).await;
    set(&server, json!({"mode": "DRA"}));
    once(&server, &context).await.unwrap();
    let first = templates(&server);
    assert_eq!(first.len(), 1);
    let pod = server.get(DEPLOYMENT).unwrap()["spec"]["template"]["spec"].clone();
    let named = pod["resourceClaims"][0]["resourceClaimTemplateName"].as_str().unwrap();
    assert_eq!(first[0], format!("{TEMPLATES}{named}"));
    let order: Vec<_> = server.writes().into_iter().map(|(_, path)| path).collect();
    let at = |path: &str| order.iter().position(|written| written == path).unwrap();
    assert!(at(&first[0]) < at(DEPLOYMENT), "pods must not wait for it: {order:?}");

    once(&server, &context).await.unwrap();
    let written = |path: &String| server.writes().iter().filter(|(_, written)| written == path).count();
    assert_eq!(written(&first[0]), 1, "its spec cannot change");

    let context = with_templates(&server).await;
    set(&server, json!({"mode": "DRA", "gpusPerReplica": 2}));
    once(&server, &context).await.unwrap();
    assert_eq!(templates(&server).len(), 2, "an old pod may have to be made anew");
    roll_out(&server);
    once(&server, &context).await.unwrap();
    assert_eq!(templates(&server).len(), 1);
    assert!(!templates(&server).contains(&first[0]));
    assert!(server.writes().iter().any(|(method, path)| method == Method::DELETE && *path == first[0]));
}
