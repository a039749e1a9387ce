//! The number of replicas is lowered when the pod that goes is marked and has been left.

use crate::api_server::ApiServer;
use crate::reconcile::{DEPLOYMENT, OBJECT, empty_stores, once, with_stores};
use flotilla_operator::decide::placement::Inventory;
use flotilla_operator::fleet::Stores;
use flotilla_operator::model_deployment::Context;
use flotilla_operator::model_deployment::file::Files;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::reflector::{self, store::Writer};
use kube::runtime::watcher::Event;
use serde_json::{Value, json};
use std::sync::Arc;

const NEWEST: &str = "/api/v1/namespaces/apps/pods/tiny-b";
const COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const SINCE: &str = "flotilla.dev/draining-since";

struct Cluster {
    server: ApiServer,
    context: Arc<Context>,
    pods: Writer<Pod>,
}

impl Cluster {
    /// Two replicas serve.
    async fn new() -> Self {
        let server = ApiServer::default();
        let (cache, pods) = reflector::store();
        let stores = Stores { pods: cache, ..empty_stores() };
        let context = with_stores(&server, true, Files::off(), stores, Inventory::default()).await;
        let mut cluster = Self { server, context, pods };
        cluster.want(2);
        cluster.reconcile().await;
        cluster.pod("tiny-a", "2026-01-01T00:00:00Z", &json!({}));
        cluster.pod("tiny-b", "2026-01-02T00:00:00Z", &json!({}));
        cluster
    }

    fn want(&self, replicas: u32) {
        let model =
            json!({"source": "oci://reg.example/m:1", "preset": "smollm2-135m", "quantization": "Q4_1"});
        self.server.put(
            OBJECT,
            json!({
                "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
                "metadata": {"name": "tiny", "namespace": "apps", "uid": "uid-0", "generation": 1},
                "spec": {"model": model, "replicas": replicas},
            }),
        );
    }

    /// The cache hears of a pod that serves.
    fn pod(&mut self, name: &str, created: &str, annotations: &Value) {
        let pod = json!({
            "metadata": {"name": name, "namespace": "apps", "creationTimestamp": created, "annotations": annotations,
                "labels": {"flotilla.dev/model-deployment": "tiny"}},
            "spec": {"containers": [], "nodeName": "gpu-1"},
            "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
        });
        self.pods.apply_watcher_event(&Event::Apply(serde_json::from_value(pod).unwrap()));
    }

    async fn reconcile(&self) {
        once(&self.server, &self.context).await.unwrap();
    }

    fn replicas(&self) -> Value {
        self.server.get(DEPLOYMENT).unwrap()["spec"]["replicas"].clone()
    }

    fn annotations(&self) -> Value {
        self.server.get(NEWEST).map_or(Value::Null, |pod| pod["metadata"]["annotations"].clone())
    }
}

#[tokio::test]
async fn the_newest_pod_is_marked_and_then_the_number_is_lowered() {
    let mut cluster = Cluster::new().await;
    assert_eq!((cluster.replicas(), cluster.annotations()), (json!(2), Value::Null));
    cluster.want(1);
    cluster.reconcile().await;
    assert_eq!(cluster.replicas(), json!(2), "nobody has left it yet");
    let marks = cluster.annotations();
    assert_eq!(marks[COST], "-1");
    cluster.pod("tiny-b", "2026-01-02T00:00:00Z", &marks);
    cluster.reconcile().await;
    assert_eq!(cluster.replicas(), json!(1), "no router sends it requests");
    cluster.reconcile().await;
    assert_eq!(cluster.annotations(), marks, "until it is gone");
}

#[tokio::test]
async fn who_is_wanted_again_loses_its_mark() {
    let mut cluster = Cluster::new().await;
    let since = "2026-01-03T00:00:00Z";
    cluster.pod("tiny-b", "2026-01-02T00:00:00Z", &json!({SINCE: since, COST: "-1"}));
    cluster.reconcile().await;
    assert_eq!(cluster.annotations(), json!({}));
    assert_eq!(cluster.replicas(), json!(2));
}
