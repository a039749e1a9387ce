//! The objects of these tests: a fleet of one tiny engine, a stand-in provider, policies, an application.

use flotilla_crds::{ModelDeployment, RoutingPolicy};
use flotilla_e2e::harness::{
    App, Cluster, HarnessError, PROVIDER, Reply, Result, Target, TestNamespace, call, case, condition, image,
    install, start_provider, wait_for,
};
use flotilla_e2e::provider::Seen;
use http::Method;
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::time::Duration;

/// To start pods while other tests do.
pub const START: Duration = Duration::from_mins(4);
/// For a change to reach status.
pub const SOON: Duration = Duration::from_mins(3);
/// The key that the provider takes.
pub const KEY: &str = "sk-e2e-3f9c1d77aa";

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

/// Applies the engine and does not wait for it.
pub async fn fleet(namespace: &TestNamespace, replicas: u32) -> Result<()> {
    fleet_with(namespace, replicas, &json!([])).await
}

/// The same with adapters.
pub async fn fleet_with(namespace: &TestNamespace, replicas: u32, adapters: &Value) -> Result<()> {
    let object = json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "fleet"},
        "spec": {
            "model": {"source": format!("oci://{}", image("models/tiny:f16")), "preset": "smollm2-135m", "quantization": "F16", "adapters": adapters},
            "context": {"maxTokens": 2048, "parallelSequences": 4},
            "engine": {"args": ["--threads", "1"]},
            "replicas": replicas,
            "rollout": {"drainTimeout": "1s"},
        },
    });
    namespace.apply(&object.to_string()).await.map(drop)
}

/// Waits until the engine serves.
pub async fn fleet_serves(namespace: &TestNamespace) -> Result<()> {
    let ready = condition::<ModelDeployment>("Ready", "True", "Serving");
    wait_for(&namespace.api(), "fleet", "serve", START, ready).await.map(drop)
}

/// Waits until the gateway's pods are ready; a policy is programmed as soon as a router has it.
pub async fn gateway_serves(namespace: &TestNamespace, policy: &str, replicas: i32) -> Result<()> {
    let name = format!("{policy}-gateway");
    wait_for(&namespace.api(), &name, "serve", START, |deployment: &Deployment| {
        let ready = deployment.status.as_ref().and_then(|status| status.ready_replicas).unwrap_or_default();
        if ready >= replicas { Ok(()) } else { Err(format!("{ready} of {replicas} are ready")) }
    })
    .await
}

/// Starts the stand-in provider, which takes [`KEY`] only, and waits until it listens.
pub async fn provider(namespace: &TestNamespace) -> Result<()> {
    namespace.apply(&secret("provider-side", "apiKey", KEY).to_string()).await?;
    start_provider(namespace, Some("provider-side")).await
}

/// A Secret with one key.
pub fn secret(name: &str, key: &str, value: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": {key: value}})
}

/// Tells the provider what happens next.
pub async fn script(namespace: &TestNamespace, script: &Value) -> Result<()> {
    let target = Target::Service(PROVIDER.to_owned());
    call(namespace, &target, Method::POST, "/_script", Some(script)).await.map(drop)
}

/// What the provider received so far.
pub async fn seen(namespace: &TestNamespace) -> Result<Seen> {
    let text = call(namespace, &Target::Service(PROVIDER.to_owned()), Method::GET, "/_seen", None).await?;
    serde_json::from_str(&text)
        .map_err(|_| HarnessError::Answer { what: "the provider's memory".to_owned(), text })
}

/// A backend at the stand-in provider, with the key of the Secret `provider-key`.
pub fn out(namespace: &TestNamespace, name: &str) -> Value {
    json!({"name": name, "external": {
        "baseURL": format!("http://provider.{}.svc/v1", namespace.name), "model": "gpt-4o",
        "credentialsRef": {"name": "provider-key"}, "pricing": {"input": "2.50", "output": "10.00"},
    }})
}

/// The backend in the cluster.
pub fn inside() -> Value {
    json!({"name": "fleet", "modelDeploymentRef": {"name": "fleet"}})
}

/// A policy for the model `assistant`, attached to pods labelled `app: chat`.
pub fn policy(name: &str, backends: &[Value], default: &Value) -> Value {
    json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "RoutingPolicy", "metadata": {"name": name},
        "spec": {
            "models": ["assistant"], "backends": backends, "default": default,
            "attach": {"selector": {"matchLabels": {"app": "chat"}}},
        },
    })
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
    let what = format!("have {kind}={status} {reason}");
    wait_for(&namespace.api(), name, &what, SOON, condition::<RoutingPolicy>(kind, status, reason)).await
}

/// Starts the application beside an injected router.
pub async fn application(namespace: &TestNamespace) -> Result<App> {
    App::start(namespace, "chat", &[("app", "chat")]).await
}

/// How many replies each backend gave. Every reply must be good.
pub fn by_backend(replies: &[Reply]) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for reply in replies {
        assert!(reply.status == 200 && !reply.text.is_empty(), "{reply:?}");
        let backend = reply.backend.clone().unwrap_or_else(|| panic!("no backend is named: {reply:?}"));
        *counts.entry(backend).or_default() += 1;
    }
    counts
}
