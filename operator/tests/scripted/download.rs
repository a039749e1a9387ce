//! How far a download is, from the fetcher's log to the status; and what a log that cannot be read leaves out.

use crate::api_server::ApiServer;
use crate::observe::{owned, store};
use crate::reconcile::{DEPLOYMENT, OBJECT, once, with_stores};
use flotilla_operator::decide::placement::{Inventory, Usage};
use flotilla_operator::fleet::Stores;
use flotilla_operator::model_deployment::file::Files;
use k8s_openapi::api::core::v1::{Node, Pod};
use serde_json::{Value, json};

const LOG: &str = "/api/v1/namespaces/apps/pods/tiny-1/log";
const LINES: &str = "\
{\"bytes\":0,\"bytesPerSecond\":0}
https://hub.example/owner/name/resolve/main/m.gguf answers 503 Service Unavailable; tried again in 612 ms
{\"bytes\":786432000,\"total\":1048576000,\"bytesPerSecond\":95300000}
";

fn pod(name: &str, ready: bool, fetcher: &Value) -> Value {
    let fetcher = json!({"name": "fetch", "image": "example/fetch:1", "imageID": "", "ready": false, "restartCount": 0, "state": fetcher});
    let ready = if ready { "True" } else { "False" };
    json!({
        "metadata": {"name": name, "namespace": "apps", "labels": {"flotilla.dev/model-deployment": "tiny"}},
        "spec": {"containers": [], "nodeName": "gpu-1"},
        "status": {"conditions": [{"type": "Ready", "status": ready}], "initContainerStatuses": [fetcher]},
    })
}

/// One node with so many GPUs.
pub(crate) fn gpus(count: u32) -> Inventory {
    let node = json!({
        "metadata": {"name": "gpu-1", "labels": {"nvidia.com/gpu.product": "NVIDIA-L4", "nvidia.com/gpu.memory": "23034"}},
        "status": {"allocatable": {"nvidia.com/gpu": count.to_string()}},
    });
    let node: Node = serde_json::from_value(node).unwrap();
    Inventory::from_nodes([&node], &Usage::default())
}

/// The object's status after a reconcile, while the fetcher of its only pod is in that state.
async fn status(state: &Value, log: Option<&str>) -> Value {
    status_with(vec![pod("tiny-1", false, state)], log).await
}

/// The same with these pods.
async fn status_with(pods: Vec<Value>, log: Option<&str>) -> Value {
    let server = ApiServer::default();
    let ready = pods.iter().filter(|pod| pod["status"]["conditions"][0]["status"] == "True").count();
    server.put(
        OBJECT,
        json!({
            "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
            "metadata": {"name": "tiny", "namespace": "apps", "uid": "uid-0", "generation": 1},
            "spec": {"model": {"source": "oci://reg.example/m:1", "preset": "smollm2-135m", "quantization": "Q4_1"}, "replicas": 1},
        }),
    );
    let counts = json!({"observedGeneration": 1, "replicas": pods.len(), "readyReplicas": ready});
    server
        .put(DEPLOYMENT, owned(json!({"metadata": {"name": "tiny", "namespace": "apps"}, "status": counts})));
    if let Some(log) = log {
        server.0.lock().unwrap().texts.insert(LOG.to_owned(), log.to_owned());
    }
    let stores = Stores { pods: store::<Pod>(pods), ..Stores::empty() };
    let context = with_stores(&server, true, Files::off(), stores, gpus(1)).await;
    once(&server, &context).await.unwrap();
    server.get(OBJECT).unwrap()["status"].clone()
}

fn loaded(status: &Value) -> (String, String, String) {
    let conditions = status["conditions"].as_array().unwrap();
    let loaded = conditions.iter().find(|condition| condition["type"] == "ModelLoaded").unwrap();
    let text = |field: &str| loaded[field].as_str().unwrap().to_owned();
    (text("status"), text("reason"), text("message"))
}

#[tokio::test]
async fn the_last_line_of_the_fetcher_is_shown() {
    let status = status(&json!({"running": {}}), Some(LINES)).await;
    assert_eq!(
        status["download"],
        json!({"pod": "tiny-1", "percent": 75, "downloaded": "750Mi", "total": "1000Mi", "megabytesPerSecond": 95})
    );
    let (is, reason, message) = loaded(&status);
    assert_eq!((is.as_str(), reason.as_str()), ("Unknown", "Downloading"));
    assert!(message.contains("75 % of 1000 MiB, 95 MB/s"), "{message}");
}

#[tokio::test]
async fn a_log_that_cannot_be_read_leaves_the_figures_out() {
    let status = status(&json!({"running": {}}), None).await;
    assert_eq!(status["download"], json!({"pod": "tiny-1"}));
    assert_eq!(loaded(&status).1, "Downloading");
}

#[tokio::test]
async fn what_a_fetcher_ended_with_stands_in_the_condition() {
    let said = r#"{"cause":"DiskFull","message":"the model cache needs 1900 MiB more","bytes":0}"#;
    let state = json!({"terminated": {"exitCode": 14, "reason": "Error", "message": said}});
    let status = status(&state, None).await;
    assert_eq!(status["download"], Value::Null);
    let (is, reason, message) = loaded(&status);
    assert_eq!((is.as_str(), reason.as_str()), ("False", "DiskFull"));
    assert!(message.contains("tiny-1") && message.contains("1900 MiB"), "{message}");
}

#[tokio::test]
async fn a_replica_that_serves_counts_while_another_downloads() {
    let done = json!({"terminated": {"exitCode": 0}});
    let pods = vec![pod("tiny-0", true, &done), pod("tiny-1", false, &json!({"running": {}}))];
    let status = status_with(pods, Some(LINES)).await;
    let (is, reason, message) = loaded(&status);
    assert_eq!((is.as_str(), reason.as_str()), ("True", "Loaded"), "{message}");
    assert_eq!(status["download"]["percent"], 75);

    let full = json!({"terminated": {"exitCode": 14, "message": r#"{"cause":"DiskFull","message":"full","bytes":0}"#}});
    let pods = vec![pod("tiny-0", true, &done), pod("tiny-1", false, &full)];
    let (is, reason, _) = loaded(&status_with(pods, None).await);
    assert_eq!((is.as_str(), reason.as_str()), ("False", "DiskFull"), "what no time mends is told");
}
