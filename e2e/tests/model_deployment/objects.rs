//! The objects of these tests and what they look at.

use flotilla_crds::ModelDeployment;
use flotilla_crds::labels;
use flotilla_e2e::harness::{
    Cluster, ENGINE_IMAGE, Result, Target, TestNamespace, case, condition, image, install, post_json,
    wait_for, wait_until,
};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::ListParams;
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use std::time::Duration;

/// To pull an engine's image and start it while others do.
pub const START: Duration = Duration::from_mins(4);
/// For the operator to act on something that needs no pod.
pub const SOON: Duration = Duration::from_mins(3);

/// A test with Flotilla installed.
pub async fn with_flotilla<F>(test: &str, body: F)
where
    F: AsyncFnOnce(Cluster, TestNamespace) -> Result<()>,
{
    case(test, async |cluster, namespace| {
        install(&cluster).await?;
        body(cluster, namespace).await
    })
    .await;
}

fn object(name: &str, spec: &Value) -> Value {
    json!({"apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": name}, "spec": spec})
}

/// SmolLM2 in llama.cpp.
pub fn smollm2(name: &str) -> Value {
    object(
        name,
        &json!({
            "model": {"source": format!("oci://{}", image("models/smollm2-135m:q4_1")), "preset": "smollm2-135m", "quantization": "Q4_1"},
            "context": {"maxTokens": 1024, "parallelSequences": 1},
            "engine": {"args": ["--threads", "1"]},
            "rollout": {"drainTimeout": "1s"},
        }),
    )
}

/// A model of which the spec says no more than where it is.
pub fn bare(name: &str, model: &str) -> Value {
    let mut object = smollm2(name);
    object["spec"]["model"] = json!({"source": format!("oci://{}", image(model))});
    object
}

/// A tiny model with SmolLM2's tokenizer and chat template: ready at once. Its file says the rest.
pub fn tiny(name: &str) -> Value {
    bare(name, "models/tiny:f16")
}

/// An engine of type Custom that declares its need; the tiny model serves in it.
pub fn custom(name: &str, gpu_memory: &str) -> Value {
    object(
        name,
        &json!({
            "model": {"source": format!("oci://{}", image("models/tiny:f16"))},
            "engine": {"type": "Custom", "image": image(ENGINE_IMAGE), "args": [
                "--model", "/models/model.gguf", "--alias", name, "--ctx-size", "1024", "--threads", "1",
                "--cache-ram", "0", "--host", "0.0.0.0"]},
            "placement": {"gpuMemory": gpu_memory},
            "rollout": {"drainTimeout": "1s"},
        }),
    )
}

pub async fn apply(namespace: &TestNamespace, object: &Value) -> Result<()> {
    namespace.apply(&object.to_string()).await.map(drop)
}

/// Waits for a condition of the present spec and returns its message.
pub async fn wait(
    namespace: &TestNamespace,
    name: &str,
    kind: &str,
    status: &str,
    reason: &str,
) -> Result<String> {
    let api: Api<ModelDeployment> = namespace.api();
    let what = format!("have {kind}={status} {reason}");
    wait_for(&api, name, &what, START, condition(kind, status, reason)).await
}

/// Waits until it serves and returns it.
pub async fn serving(namespace: &TestNamespace, name: &str) -> Result<ModelDeployment> {
    wait(namespace, name, "Ready", "True", "Serving").await?;
    get(namespace, name).await
}

pub async fn get(namespace: &TestNamespace, name: &str) -> Result<ModelDeployment> {
    let api: Api<ModelDeployment> = namespace.api();
    wait_for(&api, name, "exist", SOON, |object: &ModelDeployment| Ok(object.clone())).await
}

/// The engine pods of an object.
pub async fn pods(namespace: &TestNamespace, name: &str) -> Result<Vec<Pod>, String> {
    let selector = format!("{}={name}", labels::MODEL_DEPLOYMENT);
    let list = namespace.api::<Pod>().list(&ListParams::default().labels(&selector)).await;
    Ok(list.map_err(|error| error.to_string())?.items)
}

/// Waits until there are exactly so many pods, none on its way out, and returns them.
pub async fn pods_are(namespace: &TestNamespace, name: &str, count: usize) -> Result<Vec<Pod>> {
    wait_until(&format!("{count} pods of {name}"), SOON, async || {
        let pods = pods(namespace, name).await?;
        let states: Vec<_> =
            pods.iter().map(|p| (p.name_any(), p.metadata.deletion_timestamp.is_some())).collect();
        if pods.len() == count && states.iter().all(|(_, leaving)| !leaving) {
            Ok(pods)
        } else {
            Err(format!("{states:?}"))
        }
    })
    .await
}

/// The GPU memory of the node that a pod runs on, by its label.
pub async fn card_mib(namespace: &TestNamespace, pod: &Pod) -> u64 {
    let name = pod.spec.as_ref().and_then(|spec| spec.node_name.clone()).unwrap();
    let node = Api::<Node>::all(namespace.client.clone()).get(&name).await.unwrap();
    node.labels()[labels::GPU_MEMORY].parse().unwrap()
}

/// The arguments of a pod's engine, joined by blanks.
pub fn arguments(pod: &Pod) -> String {
    pod.spec.as_ref().unwrap().containers[0].args.clone().unwrap_or_default().join(" ")
}

/// Asks the Service for a short chat completion and returns the whole answer.
pub async fn chat(namespace: &TestNamespace, name: &str) -> Result<Value> {
    let body =
        json!({"model": name, "max_tokens": 8, "messages": [{"role": "user", "content": "Say hello."}]});
    post_json(namespace, &Target::Service(name.to_owned()), "/v1/chat/completions", &body).await
}

/// Asserts that an answer holds text and a usage.
pub fn assert_answers(answer: &Value) {
    let text = answer["choices"][0]["message"]["content"].as_str().unwrap_or_default();
    assert!(!text.is_empty(), "no text in {answer}");
    assert!(answer["usage"]["completion_tokens"].as_u64().unwrap_or(0) > 0, "no usage in {answer}");
}
