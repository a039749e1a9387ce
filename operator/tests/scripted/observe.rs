//! What a replica took, asked of its engine's log and metrics and of dcgm-exporter, once for each start; and what is
//! not there leaves everything else as it is.

use crate::api_server::ApiServer;
use crate::reconcile::{DEPLOYMENT, OBJECT, once, with, with_stores};
use axum::Router;
use axum::routing::get;
use flotilla_operator::decide::placement::{Inventory, Usage};
use flotilla_operator::fleet::Stores;
use flotilla_operator::model_deployment::Context;
use flotilla_operator::model_deployment::file::Files;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::runtime::reflector::{self, store::Writer};
use kube::runtime::watcher::Event;
use serde_json::{Value, json};
use std::net::SocketAddr;
use std::sync::Arc;
use tokio_util::task::AbortOnDropHandle;

const LOG: &str = "/api/v1/namespaces/apps/pods/tiny-1/log";
const EXPORTERS: &str = "/api/v1/namespaces/gpu-operator/pods";
/// Of llama-server on a GPU, as far as memory goes.
const LLAMA_CPP: &str = "\
0.00.001.421 I srv          init: build_info: b11549-79c1160b0
0.00.216.021 I print_info: arch                  = llama
0.00.123.395 I load_tensors:        CUDA0 model buffer size =   100.00 MiB
0.00.154.897 I llama_kv_cache:      CUDA0 KV buffer size =    90.00 MiB
0.00.174.202 I sched_reserve:       CUDA0 compute buffer size =    60.00 MiB
";
/// Longer ago than anything waits for.
const LONG_READY: &str = "2026-01-01T00:00:00Z";

pub fn store<K>(objects: Vec<Value>) -> reflector::Store<K>
where
    K: kube::Resource<DynamicType = ()> + serde::de::DeserializeOwned + Clone + 'static,
{
    let (store, mut writer): (_, Writer<K>) = reflector::store();
    for object in objects {
        writer.apply_watcher_event(&Event::Apply(serde_json::from_value(object).unwrap()));
    }
    store
}

/// A cluster with one GPU node, on which one replica of the object serves at `ip`.
struct Cluster {
    server: ApiServer,
    context: Arc<Context>,
    pod: Pod,
    pods: Writer<Pod>,
}

impl Cluster {
    async fn new(object: Value, product: &str, ready_since: &str) -> Self {
        let server = ApiServer::default();
        server.put(OBJECT, object);
        let rolled_out = json!({"observedGeneration": 1, "replicas": 1, "updatedReplicas": 1});
        let deployment = json!({"metadata": {"name": "tiny", "namespace": "apps"}, "status": rolled_out});
        server.put(DEPLOYMENT, owned(deployment));
        let pod = json!({
            "metadata": {"name": "tiny-1", "namespace": "apps", "labels": {"flotilla.dev/model-deployment": "tiny"}},
            "spec": {"containers": [], "nodeName": "gpu-1"},
            "status": {
                "podIP": "127.0.0.1",
                "conditions": [{"type": "Ready", "status": "True", "lastTransitionTime": ready_since}],
            },
        });
        let node = json!({
            "metadata": {"name": "gpu-1", "labels": {"nvidia.com/gpu.product": product, "nvidia.com/gpu.memory": "23034"}},
            "status": {"allocatable": {"nvidia.com/gpu": "1"}},
        });
        let pod: Pod = serde_json::from_value(pod).unwrap();
        let (cache, mut pods) = reflector::store();
        pods.apply_watcher_event(&Event::Apply(pod.clone()));
        let stores = Stores { pods: cache, ..Stores::empty() };
        let node: Node = serde_json::from_value(node).unwrap();
        let inventory = Inventory::from_nodes([&node], &Usage::default());
        let context = with_stores(&server, true, Files::off(), stores, inventory).await;
        Self { server, context, pod, pods }
    }

    /// A replica of llama.cpp that has just got ready.
    async fn llama_cpp() -> Self {
        Self::new(llama_cpp(), "NVIDIA-L4", "2999-01-01T00:00:00Z").await
    }

    fn log(&self, text: &str) {
        self.server.0.lock().unwrap().texts.insert(LOG.to_owned(), text.to_owned());
    }

    /// An exporter on the replica's node, which listens at `address`.
    fn exporter(&self, address: SocketAddr) {
        let ports = json!([{"name": "metrics", "containerPort": address.port()}]);
        let pod = json!({
            "metadata": {"name": "dcgm"},
            "spec": {"containers": [{"name": "exporter", "ports": ports}]},
            "status": {"podIP": address.ip().to_string()},
        });
        let list = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": [pod]});
        self.server.put(EXPORTERS, list);
    }

    /// What the status has after a reconcile.
    async fn observed(&self) -> Value {
        once(&self.server, &self.context).await.unwrap();
        self.server.get(OBJECT).unwrap()["status"]["memory"]["observed"].clone()
    }

    /// How often a path was asked for, and the last query.
    fn asked(&self, path: &str) -> (usize, String) {
        let state = self.server.0.lock().unwrap();
        let found: Vec<_> =
            state.log.iter().zip(&state.queries).filter(|((_, asked), _)| asked == path).collect();
        (found.len(), found.last().map(|(_, query)| (*query).clone()).unwrap_or_default())
    }
}

fn object(spec: &Value) -> Value {
    json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
        "metadata": {"name": "tiny", "namespace": "apps", "uid": "uid-0", "generation": 1},
        "spec": spec,
    })
}

fn llama_cpp() -> Value {
    let model = json!({"source": "oci://reg.example/m:1", "preset": "smollm2-135m", "quantization": "Q4_1"});
    object(&json!({"model": model, "replicas": 1}))
}

fn custom(port: u16) -> Value {
    object(&json!({
        "model": {}, "replicas": 1, "placement": {"gpuMemory": "8Gi"},
        "engine": {"type": "Custom", "image": "example/vllm:1", "port": port},
    }))
}

/// The object's own, as garbage collection has it.
pub fn owned(mut child: Value) -> Value {
    child["metadata"]["ownerReferences"] = json!([{
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment", "name": "tiny", "uid": "uid-1",
        "controller": true,
    }]);
    child
}

/// A server of metrics; it stops when it is dropped.
async fn metrics(text: &'static str) -> (SocketAddr, AbortOnDropHandle<()>) {
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = Router::new().route("/metrics", get(move || async move { text }));
    let task = tokio::spawn(async move { axum::serve(listener, router).await.unwrap() });
    (address, AbortOnDropHandle::new(task))
}

#[tokio::test]
async fn the_start_of_the_engines_log_is_read_once() {
    let cluster = Cluster::llama_cpp().await;
    cluster.log(LLAMA_CPP);
    let observed = cluster.observed().await;
    assert_eq!(observed["total"], "250Mi", "{observed}");
    assert_eq!((&observed["weights"], &observed["kvCache"]), (&json!("100Mi"), &json!("90Mi")));
    assert_eq!((&observed["pod"], &observed["sources"]), (&json!("tiny-1"), &json!(["EngineLog"])));
    let (times, query) = cluster.asked(LOG);
    assert!(query.contains("container=engine") && query.contains("limitBytes=524288"), "{query}");
    assert_eq!(cluster.observed().await, observed);
    assert_eq!((times, cluster.asked(LOG).0), (1, 1));
    let status = &cluster.server.get(OBJECT).unwrap()["status"];
    assert_eq!(status["calibration"]["corrections"][0]["starts"], 1, "{status}");
    assert_eq!(status["calibration"]["corrections"][0]["gpu"], "NVIDIA-L4");
}

#[tokio::test]
async fn a_start_with_adapters_is_shown_and_teaches_nothing() {
    let mut adapted = llama_cpp();
    adapted["spec"]["model"]["adapters"] =
        json!([{"name": "poet", "source": "oci://reg.example/poet:1", "rank": 8}]);
    let cluster = Cluster::new(adapted, "NVIDIA-L4", "2999-01-01T00:00:00Z").await;
    cluster.log(LLAMA_CPP);
    assert_eq!(cluster.observed().await["total"], "250Mi");
    let status = &cluster.server.get(OBJECT).unwrap()["status"];
    assert_eq!(status["calibration"], Value::Null, "{status}");
}

#[tokio::test]
async fn what_was_learned_outlives_a_reconcile_whose_cache_is_behind() {
    let mut cluster = Cluster::llama_cpp().await;
    cluster.log(LLAMA_CPP);
    let behind = cluster.server.get(OBJECT).unwrap();
    let observed = cluster.observed().await;
    let learned = cluster.server.get(OBJECT).unwrap()["status"]["calibration"].clone();
    assert!(observed.is_object() && learned.is_object(), "{observed} {learned}");
    cluster.pods.apply_watcher_event(&Event::Delete(cluster.pod.clone()));
    with(&cluster.context, behind).await.unwrap();
    let status = &cluster.server.get(OBJECT).unwrap()["status"];
    assert_eq!((&status["memory"]["observed"], &status["calibration"]), (&observed, &learned));
}

#[tokio::test]
async fn a_log_that_may_not_be_read_or_says_nothing_only_shows_nothing() {
    for text in [None, Some("no figures\n")] {
        let cluster = Cluster::llama_cpp().await;
        if let Some(text) = text {
            cluster.log(text);
        }
        assert_eq!(cluster.observed().await, Value::Null);
        assert_eq!(cluster.observed().await, Value::Null);
        assert_eq!(cluster.asked(LOG).0, 1, "nor is it asked for again");
        assert!(cluster.server.get(DEPLOYMENT).is_some());
    }
}

#[tokio::test]
async fn an_engine_of_somebody_else_is_asked_for_its_metrics() {
    let (address, _server) = metrics(
        "vllm:cache_config_info{block_size=\"16\",num_gpu_blocks=\"1000\",kv_cache_memory_bytes=\"None\"} 1.0\n",
    )
    .await;
    let cluster = Cluster::new(custom(address.port()), "NVIDIA-L4", "2999-01-01T00:00:00Z").await;
    let observed = cluster.observed().await;
    assert_eq!(observed["kvCacheTokens"], 16_000, "{observed}");
    assert_eq!((&observed["sources"], &observed["total"]), (&json!(["EngineMetrics"]), &Value::Null));
}

#[tokio::test]
async fn an_engine_without_metrics_only_shows_nothing() {
    let (address, server) = metrics("").await;
    let silent = Cluster::new(custom(address.port()), "NVIDIA-L4", LONG_READY).await;
    assert_eq!(silent.observed().await, Value::Null);
    drop(server);
}

const OF_TINY: &str = "DCGM_FI_DEV_FB_USED{gpu=\"0\",UUID=\"GPU-a\",container=\"engine\",namespace=\"apps\",pod=\"tiny-1\"} 612\n";

#[tokio::test]
async fn what_the_gpu_holds_is_asked_of_the_exporter_on_its_node() {
    let (address, _server) = metrics(OF_TINY).await;
    let cluster = Cluster::new(llama_cpp(), "NVIDIA-L4", LONG_READY).await;
    cluster.log(LLAMA_CPP);
    cluster.exporter(address);
    let observed = cluster.observed().await;
    assert_eq!((&observed["gpu"], &observed["total"]), (&json!("612Mi"), &json!("250Mi")));
    assert_eq!(observed["sources"], json!(["EngineLog", "Dcgm"]));
    let (times, query) = cluster.asked(EXPORTERS);
    assert!(query.contains("spec.nodeName%3Dgpu-1") && query.contains("dcgm-exporter"), "{query}");
    assert_eq!(cluster.observed().await, observed);
    assert_eq!((times, cluster.asked(EXPORTERS).0), (1, 1));
}

#[tokio::test]
async fn an_exporter_is_asked_only_once_its_figure_means_something() {
    let (address, _server) = metrics(OF_TINY).await;
    for (product, ready_since) in [("NVIDIA-L4", "2999-01-01T00:00:00Z"), ("NVIDIA-L4-SHARED", LONG_READY)] {
        let cluster = Cluster::new(llama_cpp(), product, ready_since).await;
        cluster.log(LLAMA_CPP);
        cluster.exporter(address);
        assert_eq!(
            cluster.observed().await["sources"],
            json!(["EngineLog"]),
            "{product} since {ready_since}"
        );
        assert_eq!(cluster.asked(EXPORTERS).0, 0);
    }
}

#[tokio::test]
async fn a_cluster_without_exporters_shows_what_the_engine_said() {
    let cluster = Cluster::new(llama_cpp(), "NVIDIA-L4", LONG_READY).await;
    cluster.log(LLAMA_CPP);
    let none = json!({"apiVersion": "v1", "kind": "PodList", "metadata": {}, "items": []});
    cluster.server.put(EXPORTERS, none);
    assert_eq!(cluster.observed().await["sources"], json!(["EngineLog"]));
    assert_eq!(cluster.asked(EXPORTERS).0, 2, "by either label");
}
