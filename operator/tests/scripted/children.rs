//! Children that are as they were left cost no request; those that somebody changed or took away come back.

use crate::api_server::ApiServer;
use crate::reconcile::{DEPLOYMENT, OBJECT, SERVICE, once, with, with_stores};
use flotilla_operator::decide::placement::{Inventory, Usage};
use flotilla_operator::fleet::Stores;
use flotilla_operator::model_deployment::Context;
use flotilla_operator::model_deployment::file::Files;
use http::Method;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Service};
use kube::runtime::reflector::{self, store::Writer};
use kube::runtime::watcher::Event;
use serde_json::{Value, json};
use std::sync::Arc;

/// A model with its children, and caches that hear of what is in the cluster when they are told to.
struct Cluster {
    server: ApiServer,
    context: Arc<Context>,
    services: Writer<Service>,
    deployments: Writer<Deployment>,
}

impl Cluster {
    async fn new() -> Self {
        Self::around(Inventory::default()).await
    }

    async fn around(inventory: Inventory) -> Self {
        let server = ApiServer::default();
        let ((services, service_writer), (deployments, deployment_writer)) =
            (reflector::store(), reflector::store());
        let stores = Stores { services, deployments, ..Stores::empty() };
        let model =
            json!({"source": "oci://reg.example/m:1", "preset": "smollm2-135m", "quantization": "Q4_1"});
        let object = json!({
            "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
            "metadata": {"name": "tiny", "namespace": "apps", "generation": 1},
            "spec": {"model": model, "replicas": 2},
        });
        let context = with_stores(&server, true, Files::off(), stores, inventory).await;
        server.put(OBJECT, object);
        let mut cluster = Self { server, context, services: service_writer, deployments: deployment_writer };
        once(&cluster.server, &cluster.context).await.unwrap();
        cluster.catch_up();
        cluster
    }

    /// The caches hear of what there is.
    fn catch_up(&mut self) {
        let service = serde_json::from_value(self.server.get(SERVICE).unwrap()).unwrap();
        self.services.apply_watcher_event(&Event::Apply(service));
        let deployment = serde_json::from_value(self.server.get(DEPLOYMENT).unwrap()).unwrap();
        self.deployments.apply_watcher_event(&Event::Apply(deployment));
    }

    /// Somebody changes the Deployment, and the cache hears of it.
    fn change(&mut self, change: impl FnOnce(&mut Value)) {
        let mut deployment = self.server.get(DEPLOYMENT).unwrap();
        change(&mut deployment);
        self.server.put(DEPLOYMENT, deployment);
        self.catch_up();
    }

    /// The status of these conditions.
    fn conditions<const N: usize>(&self, kinds: [&str; N]) -> [String; N] {
        let object = self.server.get(OBJECT).unwrap();
        let all = object["status"]["conditions"].as_array().unwrap();
        kinds.map(|kind| {
            let condition = all.iter().find(|condition| condition["type"] == kind).unwrap();
            condition["status"].as_str().unwrap().to_owned()
        })
    }

    /// What a reconcile asks the API server for.
    async fn requests(&self) -> Vec<(Method, String)> {
        let before = self.server.requests();
        once(&self.server, &self.context).await.unwrap();
        self.server.0.lock().unwrap().log.split_off(before)
    }
}

fn patch(path: &str) -> (Method, String) {
    (Method::PATCH, path.to_owned())
}

#[tokio::test]
async fn a_reconcile_asks_nothing_when_nothing_changed() {
    let cluster = Cluster::new().await;
    assert_eq!(cluster.requests().await, []);
}

#[tokio::test]
async fn what_the_cluster_writes_is_news_and_no_change() {
    let mut cluster = Cluster::new().await;
    cluster.change(|deployment| {
        deployment["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = json!("1");
        deployment["status"] = json!({"observedGeneration": 1, "replicas": 2, "readyReplicas": 2});
    });
    assert_eq!(cluster.requests().await, [patch(&format!("{OBJECT}/status"))]);
    let status = cluster.server.get(OBJECT).unwrap()["status"].clone();
    assert_eq!((&status["replicas"], &status["readyReplicas"]), (&json!(2), &json!(2)));
}

#[tokio::test]
async fn a_spec_is_done_once_the_deployment_has_followed_it() {
    let gpu = json!({"nvidia.com/gpu.product": "NVIDIA-L4", "nvidia.com/gpu.memory": "23034"});
    let node = json!({
        "metadata": {"name": "n", "labels": gpu}, "status": {"allocatable": {"nvidia.com/gpu": "2"}},
    });
    let node: Node = serde_json::from_value(node).unwrap();
    let mut cluster = Cluster::around(Inventory::from_nodes([&node], &Usage::default())).await;
    for (observed, updated, expected) in [
        (2, 2, ["True", "False"]),
        (1, 2, ["True", "True"]),
        (2, 1, ["True", "True"]),
        (2, 2, ["True", "False"]),
    ] {
        cluster.change(|deployment| {
            deployment["metadata"]["generation"] = json!(2);
            deployment["status"] = json!({
                "observedGeneration": observed, "replicas": 2, "readyReplicas": 2, "updatedReplicas": updated,
            });
        });
        once(&cluster.server, &cluster.context).await.unwrap();
        assert_eq!(cluster.conditions(["Available", "Reconciling"]), expected, "{observed}, {updated}");
    }
    let mut object = cluster.server.get(OBJECT).unwrap();
    object["spec"]["replicas"] = json!(0);
    cluster.change(|deployment| deployment["metadata"]["generation"] = json!(3));
    with(&cluster.context, object).await.unwrap();
    assert_eq!(cluster.conditions(["Available", "Reconciling"]), ["True", "False"], "no replica is awaited");
}

/// No pod tells of it: there is none.
#[tokio::test]
async fn pods_that_the_api_server_refuses_are_said_in_its_own_words() {
    let mut cluster = Cluster::new().await;
    for (failure, expected) in [("True", ["False", "PodsRefused"]), ("False", ["Unknown", "Starting"])] {
        cluster.change(|deployment| {
            deployment["status"] = json!({"observedGeneration": 1, "conditions": [{
                "type": "ReplicaFailure", "status": failure, "reason": "FailedCreate",
                "message": "pods \"tiny-1\" is forbidden: exceeded quota: gpus",
            }]});
        });
        once(&cluster.server, &cluster.context).await.unwrap();
        let object = cluster.server.get(OBJECT).unwrap();
        let all = object["status"]["conditions"].as_array().unwrap();
        let loaded = all.iter().find(|condition| condition["type"] == "ModelLoaded").unwrap();
        assert_eq!([&loaded["status"], &loaded["reason"]], expected, "{loaded}");
        let quota = loaded["message"].as_str().unwrap().contains("exceeded quota: gpus");
        assert_eq!(quota, failure == "True", "{loaded}");
    }
}

#[tokio::test]
async fn what_somebody_changed_is_put_right() {
    let mut cluster = Cluster::new().await;
    let grace = |cluster: &Cluster| {
        let template = &cluster.server.get(DEPLOYMENT).unwrap()["spec"]["template"];
        template["spec"]["terminationGracePeriodSeconds"].clone()
    };
    let before = grace(&cluster);
    cluster.change(|deployment| {
        deployment["spec"]["template"]["spec"]["terminationGracePeriodSeconds"] = json!(1);
    });
    assert_eq!(cluster.requests().await, [patch(DEPLOYMENT)]);
    assert_eq!(grace(&cluster), before);
    // What others add stays theirs with a real API server; that something changed is seen all the same.
    cluster.change(|deployment| deployment["metadata"]["labels"]["theirs"] = json!("kept by nobody"));
    assert_eq!(cluster.requests().await, [patch(DEPLOYMENT)]);
}

#[tokio::test]
async fn what_somebody_took_away_is_made_anew() {
    let mut cluster = Cluster::new().await;
    let gone: Deployment = serde_json::from_value(cluster.server.get(DEPLOYMENT).unwrap()).unwrap();
    cluster.server.0.lock().unwrap().objects.remove(DEPLOYMENT);
    cluster.deployments.apply_watcher_event(&Event::Delete(gone));
    assert_eq!(cluster.requests().await, [(Method::GET, DEPLOYMENT.to_owned()), patch(DEPLOYMENT)]);
    assert!(cluster.server.get(DEPLOYMENT).is_some());
}

#[tokio::test]
async fn a_cache_that_is_behind_undoes_nothing() {
    let mut cluster = Cluster::new().await;
    let mut object = cluster.server.get(OBJECT).unwrap();
    object["spec"]["replicas"] = json!(3);
    with(&cluster.context, object.clone()).await.unwrap();
    let before = cluster.server.requests();
    // The cache of Deployments still has 2: what was just written counts.
    with(&cluster.context, object.clone()).await.unwrap();
    let wrote = cluster.server.0.lock().unwrap().log.split_off(before);
    assert!(!wrote.contains(&patch(DEPLOYMENT)), "{wrote:?}");
    // What comes after that is somebody else's doing, even if it looks like what was there before.
    cluster.change(|deployment| deployment["spec"]["replicas"] = json!(2));
    with(&cluster.context, object).await.unwrap();
    assert_eq!(cluster.server.get(DEPLOYMENT).unwrap()["spec"]["replicas"], json!(3));
}

#[tokio::test]
async fn a_child_of_somebody_else_is_not_taken() {
    let mut cluster = Cluster::new().await;
    cluster.change(|deployment| deployment["metadata"]["ownerReferences"] = json!([]));
    once(&cluster.server, &cluster.context).await.unwrap_err();
    assert_eq!(cluster.server.get(DEPLOYMENT).unwrap()["metadata"]["ownerReferences"], json!([]));
}
