//! The number of replicas is lowered when the pod that goes is marked, has been left and has finished.

use crate::api_server::ApiServer;
use crate::reconcile::{DEPLOYMENT, OBJECT, once, with_stores};
use axum::Router;
use axum::routing::get;
use flotilla_operator::decide::placement::Inventory;
use flotilla_operator::fleet::Stores;
use flotilla_operator::model_deployment::Context;
use flotilla_operator::model_deployment::file::Files;
use k8s_openapi::api::core::v1::Pod;
use kube::runtime::reflector::{self, store::Writer};
use kube::runtime::watcher::Event;
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;
use tokio_util::task::AbortOnDropHandle;

const NEWEST: &str = "/api/v1/namespaces/apps/pods/tiny-b";
const COST: &str = "controller.kubernetes.io/pod-deletion-cost";
const SINCE: &str = "flotilla.dev/draining-since";

struct Cluster {
    server: ApiServer,
    context: Arc<Context>,
    pods: Writer<Pod>,
    engine: Engine,
}

/// The engine of every pod.
struct Engine {
    port: u16,
    /// Requests that it answers.
    running: Arc<AtomicU32>,
    _task: AbortOnDropHandle<()>,
}

impl Engine {
    async fn start() -> Self {
        let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
        let (port, running) = (listener.local_addr().unwrap().port(), Arc::<AtomicU32>::default());
        let says = running.clone();
        let metrics = async move || {
            let running = says.load(Ordering::Relaxed);
            format!(
                "vllm:prompt_tokens_total 1\nvllm:generation_tokens_total 1\n\
                 vllm:num_requests_running {running}\nvllm:num_requests_waiting 0\n"
            )
        };
        let router = Router::new().route("/metrics", get(metrics));
        let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
        Self { port, running, _task: AbortOnDropHandle::new(task) }
    }
}

impl Cluster {
    /// Two replicas serve.
    async fn new() -> Self {
        let server = ApiServer::default();
        let (cache, pods) = reflector::store();
        let stores = Stores { pods: cache, ..Stores::empty() };
        let context = with_stores(&server, true, Files::off(), stores, Inventory::default()).await;
        let mut cluster = Self { server, context, pods, engine: Engine::start().await };
        cluster.want(2);
        cluster.reconcile().await;
        cluster.pod("tiny-a", "2026-01-01T00:00:00Z", &json!({}));
        cluster.pod("tiny-b", "2026-01-02T00:00:00Z", &json!({}));
        cluster
    }

    fn want(&self, replicas: u32) {
        let engine = json!({"type": "Custom", "image": "example/vllm:1", "port": self.engine.port});
        self.server.put(
            OBJECT,
            json!({
                "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
                "metadata": {"name": "tiny", "namespace": "apps", "uid": "uid-0", "generation": 1},
                "spec": {"model": {"servedName": "tiny"}, "engine": engine, "replicas": replicas,
                    "placement": {"gpuMemory": "1Gi"}},
            }),
        );
    }

    /// The cache hears of a pod that serves.
    fn pod(&mut self, name: &str, created: &str, annotations: &Value) {
        let pod = json!({
            "metadata": {"name": name, "namespace": "apps", "creationTimestamp": created, "annotations": annotations,
                "labels": {"flotilla.dev/model-deployment": "tiny"}},
            "spec": {"containers": [], "nodeName": "gpu-1"},
            "status": {"podIP": "127.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
        });
        self.pods.apply_watcher_event(&Event::Apply(serde_json::from_value(pod).unwrap()));
    }

    /// A pod that has served, and does not just now.
    fn lapse(&mut self, name: &str, created: &str, since: &str) {
        let container = json!({"name": "engine", "image": "i", "imageID": "", "ready": false, "started": true,
            "restartCount": 0});
        let pod = json!({
            "metadata": {"name": name, "namespace": "apps", "creationTimestamp": created,
                "labels": {"flotilla.dev/model-deployment": "tiny"}},
            "spec": {"containers": [], "nodeName": "gpu-1"},
            "status": {"podIP": "127.0.0.1", "containerStatuses": [container],
                "conditions": [{"type": "Ready", "status": "False", "lastTransitionTime": since}]},
        });
        self.pods.apply_watcher_event(&Event::Apply(serde_json::from_value(pod).unwrap()));
    }

    /// The operator has led for a while: routers that are there have connected to it.
    async fn leads_for(&self, seconds: u64) {
        tokio::time::pause();
        for _ in 0..seconds {
            tokio::time::advance(Duration::from_secs(1)).await;
        }
        tokio::time::resume();
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
    cluster.leads_for(10).await;
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
async fn a_pod_that_answers_something_is_waited_for() {
    let mut cluster = Cluster::new().await;
    cluster.leads_for(10).await;
    cluster.want(1);
    cluster.reconcile().await;
    cluster.pod("tiny-b", "2026-01-02T00:00:00Z", &cluster.annotations());
    cluster.engine.running.store(2, Ordering::Relaxed);
    for _ in 0..3 {
        cluster.reconcile().await;
        assert_eq!(cluster.replicas(), json!(2));
    }
    cluster.engine.running.store(0, Ordering::Relaxed);
    cluster.reconcile().await;
    assert_eq!(cluster.replicas(), json!(1));
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

#[tokio::test]
async fn an_operator_that_has_just_begun_to_lead_waits_for_routers_to_connect() {
    let mut cluster = Cluster::new().await;
    cluster.want(1);
    cluster.pod("tiny-b", "2026-01-02T00:00:00Z", &json!({SINCE: "2026-01-03T00:00:00Z", COST: "-1"}));
    for _ in 0..2 {
        cluster.reconcile().await;
        assert_eq!(cluster.replicas(), json!(2), "the mark is old, and who has an older config is not known");
        cluster.leads_for(4).await;
    }
    cluster.leads_for(2).await;
    cluster.reconcile().await;
    assert_eq!(cluster.replicas(), json!(1));
}

#[tokio::test]
async fn a_pod_that_does_not_serve_just_now_may_finish_what_it_answers() {
    let mut cluster = Cluster::new().await;
    cluster.leads_for(10).await;
    cluster.lapse("tiny-b", "2026-01-02T00:00:00Z", &jiff::Timestamp::now().to_string());
    cluster.engine.running.store(1, Ordering::Relaxed);
    cluster.want(1);
    cluster.reconcile().await;
    assert_eq!(cluster.replicas(), json!(2), "the cluster would delete it, whichever is marked");
    cluster.engine.running.store(0, Ordering::Relaxed);
    cluster.reconcile().await;
    assert_eq!(cluster.replicas(), json!(1));
}

#[tokio::test]
async fn who_was_to_go_serves_on_while_the_spec_cannot_be_carried_out() {
    let mut cluster = Cluster::new().await;
    cluster.pod("tiny-b", "2026-01-02T00:00:00Z", &json!({SINCE: "2026-01-03T00:00:00Z", COST: "-1"}));
    cluster.want(1);
    let mut invalid = cluster.server.get(OBJECT).unwrap();
    invalid["spec"]["placement"] = json!({});
    cluster.server.put(OBJECT, invalid);
    cluster.reconcile().await;
    assert_eq!(cluster.annotations(), json!({}));
    assert_eq!(cluster.replicas(), json!(2));
}
