//! A hub in the test's namespace that has the tiny model, and objects that download it.

use crate::objects::{START, bare};
use flotilla_e2e::harness::{Result, Target, TestNamespace, call, image, wait_for};
use http::Method;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::DeleteParams;
use serde::Deserialize;
use serde_json::{Value, json};

/// The token that the hub takes.
pub const TOKEN: &str = "hf_e2e_1c9d";
/// The access key that its bucket takes.
pub const ACCESS_KEY: &str = "AKE2E";
/// Its secret.
pub const SECRET: &str = "s3cret/e2e+1";
/// The hub's pod.
const POD: &str = "hub";
const PORT: u16 = 9200;

/// One request that the hub got, as it tells.
#[derive(Debug, Clone, Deserialize)]
pub struct Asked {
    pub path: String,
    pub range: Option<String>,
    pub sent: u64,
}

/// Starts the hub, which takes [`TOKEN`] and [`ACCESS_KEY`] only, and waits until it listens.
pub async fn start(namespace: &TestNamespace) -> Result<()> {
    let secrets = [
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "hub-token"}, "stringData": {"token": TOKEN}}),
        json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "bucket-keys"},
            "stringData": {"AWS_ACCESS_KEY_ID": ACCESS_KEY, "AWS_SECRET_ACCESS_KEY": SECRET}}),
        json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": POD},
            "spec": {"selector": {"app": POD}, "ports": [{"port": 80, "targetPort": PORT}]}}),
        json!({"apiVersion": "v1", "kind": "Pod", "metadata": {"name": POD, "labels": {"app": POD}}, "spec": {
            "terminationGracePeriodSeconds": 1,
            "automountServiceAccountToken": false,
            "volumes": [{"name": "models", "image": {"reference": image("models/tiny:f16")}}],
            "containers": [{
                "name": "hub", "image": image("flotilla/fake-hub:dev"),
                "args": [format!("--listen=0.0.0.0:{PORT}"), "--folder=/models", format!("--token={TOKEN}"), format!("--access-key-id={ACCESS_KEY}"), format!("--secret-access-key={SECRET}")],
                "ports": [{"containerPort": PORT}],
                "readinessProbe": {"tcpSocket": {"port": PORT}, "periodSeconds": 1},
                "volumeMounts": [{"name": "models", "mountPath": "/models"}],
            }],
        }}),
    ];
    for object in secrets {
        namespace.apply(&object.to_string()).await?;
    }
    wait_for(&namespace.api(), POD, "listen", START, |pod: &Pod| {
        let conditions = pod.status.clone().unwrap_or_default().conditions.unwrap_or_default();
        let ready = conditions.iter().any(|c| c.type_ == "Ready" && c.status == "True");
        if ready { Ok(()) } else { Err(format!("{conditions:?}")) }
    })
    .await
}

/// Takes the hub away.
pub async fn stop(namespace: &TestNamespace) -> Result<()> {
    let pods: Api<Pod> = namespace.api();
    pods.delete(POD, &DeleteParams::default().grace_period(0)).await.unwrap();
    flotilla_e2e::harness::wait_until("the hub to be gone", START, async || match pods.get_opt(POD).await {
        Ok(None) => Ok(()),
        other => Err(format!("{:?}", other.map(|pod| pod.map(|_| "it is there")))),
    })
    .await
}

fn target() -> Target {
    Target::Pod(POD.to_owned(), PORT)
}

/// Requests for bytes of files by fetchers, which ask for all from some byte on; the operator asks for parts that end.
pub async fn downloads(namespace: &TestNamespace) -> Vec<Asked> {
    let seen = call(namespace, &target(), Method::GET, "/_seen", None).await.unwrap();
    let all: Vec<Asked> = serde_json::from_str(&seen).unwrap();
    let to_the_end = |asked: &Asked| asked.range.as_ref().is_none_or(|range| range.ends_with('-'));
    all.into_iter().filter(|asked| asked.sent > 0 && to_the_end(asked)).collect()
}

/// Changes what the hub does with requests for bytes from now on.
pub async fn script(namespace: &TestNamespace, script: &Value) -> Result<()> {
    call(namespace, &target(), Method::POST, "/_script", Some(script)).await.map(drop)
}

/// The tiny model from the hub. Its need is declared: its head is not read, and whatever the hub is scripted to do is
/// for the fetcher.
pub fn hub_model(namespace: &TestNamespace, name: &str, file: &str) -> Value {
    let mut object = bare_hub_model(namespace, name, file);
    object["spec"]["placement"] = json!({"gpuMemory": "1Gi"});
    object
}

/// The same, of which the spec says no more than where it is.
pub fn bare_hub_model(namespace: &TestNamespace, name: &str, file: &str) -> Value {
    let mut object = bare(name, "models/tiny:f16");
    object["spec"]["model"] = json!({
        "source": format!("hf://test/tiny/{file}"), "endpoint": format!("http://{POD}.{}.svc", namespace.name),
        "credentialsRef": {"name": "hub-token"},
    });
    object
}
