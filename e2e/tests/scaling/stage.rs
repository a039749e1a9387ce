//! A scaled model of one tiny engine, a policy for it, an application.

use flotilla_crds::model_deployment::{ModelDeploymentStatus, ScalingStatus};
use flotilla_crds::router_config::SpillState;
use flotilla_crds::{ModelDeployment, labels};
use flotilla_e2e::harness::{
    App, Ask, Cluster, HarnessError, PROVIDER, Reply, Result, TestNamespace, case, image, install, wait_for,
    wait_until,
};
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::api::events::v1::Event;
use kube::ResourceExt as _;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::{Value, json};
use std::time::Duration;

/// For pods to start or go while other tests use the cluster.
pub const START: Duration = Duration::from_mins(4);
/// The name that clients ask for.
pub const MODEL: &str = "assistant";
/// The object of a stage with one model.
pub const FLEET: &str = "fleet";

pub struct Stage {
    pub namespace: TestNamespace,
}

/// A test with Flotilla installed and a model that is scaled so.
pub async fn with_stage<F>(test: &str, scaling: &Value, body: F)
where
    F: AsyncFnOnce(Stage) -> Result<()>,
{
    with_policy(test, scaling, fleet_only, body).await;
}

/// A policy that knows the model alone.
pub fn fleet_only(_: &str) -> Value {
    json!({
        "backends": [{"name": "fleet", "modelDeploymentRef": {"name": "fleet"}}],
        "default": {"backends": [{"name": "fleet"}]},
    })
}

/// Spills to the provider, but for what is marked as health data.
pub fn to_the_provider(namespace: &str) -> Value {
    json!({
        "backends": [
            {"name": "fleet", "modelDeploymentRef": {"name": "fleet"}},
            {"name": "api", "external": {"baseURL": format!("http://{PROVIDER}.{namespace}.svc/v1"), "model": "gpt-4o"}},
        ],
        "rules": [{
            "name": "phi", "match": {"dataClasses": ["PHI"]}, "route": {"backends": [{"name": "fleet"}]},
            "boundary": "InCluster",
        }],
        "default": {"backends": [{"name": "fleet"}]},
        "spill": {"backend": "api"},
    })
}

/// The same with another policy, which may depend on the namespace's name.
pub async fn with_policy<F>(test: &str, scaling: &Value, policy: impl FnOnce(&str) -> Value, body: F)
where
    F: AsyncFnOnce(Stage) -> Result<()>,
{
    with_models(test, &[model(FLEET, scaling)], policy, body).await;
}

/// The same with other models.
pub async fn with_models<F>(test: &str, models: &[Value], policy: impl FnOnce(&str) -> Value, body: F)
where
    F: AsyncFnOnce(Stage) -> Result<()>,
{
    case(test, async |cluster, namespace| body(Stage::of(cluster, namespace, models, policy).await?).await)
        .await;
}

/// Replicas that are said to do so little that a loop of answers needs two.
pub fn eager() -> Value {
    json!({
        "minReplicas": 1, "maxReplicas": 2, "stabilizationWindow": "20s",
        "replicaCapacity": {"promptTokensPerSecond": 100, "completionTokensPerSecond": 10},
    })
}

/// A tiny model that is scaled so.
pub fn model(name: &str, scaling: &Value) -> Value {
    json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": name},
        "spec": {
            "model": {"source": format!("oci://{}", image("models/tiny:f16")), "preset": "smollm2-135m", "quantization": "F16"},
            "context": {"maxTokens": 2048, "parallelSequences": 4},
            "engine": {"args": ["--threads", "1"]},
            "rollout": {"drainTimeout": "5s"},
            "scaling": scaling,
        },
    })
}

impl Stage {
    /// Puts a model and its policy in a namespace.
    pub async fn set(
        cluster: Cluster,
        namespace: TestNamespace,
        scaling: &Value,
        policy: impl FnOnce(&str) -> Value,
    ) -> Result<Self> {
        Self::of(cluster, namespace, &[model(FLEET, scaling)], policy).await
    }

    /// Puts models and their policy in a namespace.
    pub async fn of(
        cluster: Cluster,
        namespace: TestNamespace,
        models: &[Value],
        policy: impl FnOnce(&str) -> Value,
    ) -> Result<Self> {
        install(&cluster).await?;
        let mut spec = policy(&namespace.name);
        spec["models"] = json!([MODEL]);
        spec["attach"] = json!({"selector": {"matchLabels": {"app": "chat"}}});
        let policy = json!({
            "apiVersion": "flotilla.dev/v1alpha1", "kind": "RoutingPolicy", "metadata": {"name": "scaled"},
            "spec": spec,
        });
        for object in models.iter().chain([&policy]) {
            namespace.apply(&object.to_string()).await?;
        }
        Ok(Self { namespace })
    }

    /// Starts the application beside an injected router.
    pub async fn application(&self) -> Result<App> {
        App::start(&self.namespace, "chat", &[("app", "chat")]).await
    }

    /// Waits until the router leads such requests to this backend, and asks three that all go there.
    pub async fn all_go_to(&self, app: &App, ask: &Ask, backend: &str) -> Result<()> {
        app.leads_to(&self.namespace, ask, backend).await?;
        all_by(&app.ask(&self.namespace, &ask.clone().times(3)).await?, backend);
        Ok(())
    }

    /// Waits until the model's status is as wished, and returns it.
    pub async fn has(
        &self,
        what: &str,
        wished: impl Fn(&ModelDeploymentStatus) -> bool,
    ) -> Result<ModelDeploymentStatus> {
        self.model_has(FLEET, what, wished).await
    }

    /// The same for a model of several.
    pub async fn model_has(
        &self,
        name: &str,
        what: &str,
        wished: impl Fn(&ModelDeploymentStatus) -> bool,
    ) -> Result<ModelDeploymentStatus> {
        let api = self.namespace.api();
        wait_for(&api, name, &format!("have {what}"), START, |object: &ModelDeployment| {
            let status = object.status.clone().unwrap_or_default();
            if wished(&status) { Ok(status) } else { Err(format!("{:?}", status.scaling)) }
        })
        .await
    }

    /// Waits until an event of this reason is there.
    pub async fn event(&self, reason: &str) -> Result<()> {
        wait_until(&format!("an event {reason}"), START, async || {
            let events = self.namespace.api::<Event>().list(&ListParams::default()).await;
            let events = events.map_err(|error| error.to_string())?;
            let reasons: Vec<_> = events.into_iter().filter_map(|event| event.reason).collect();
            if reasons.iter().any(|there| there == reason) { Ok(()) } else { Err(format!("{reasons:?}")) }
        })
        .await
    }

    /// The pod that is marked to go, once one is.
    pub async fn marked(&self) -> Result<String> {
        wait_until("a pod to be marked", START, async || {
            let pods = self.pods().await.map_err(|error| error.to_string())?;
            let is_marked = |pod: &&Pod| pod.annotations().contains_key(labels::DRAINING_SINCE);
            let marked = pods.iter().find(is_marked).map(Pod::name_any);
            marked.ok_or_else(|| format!("{:?}", pods.iter().map(Pod::name_any).collect::<Vec<_>>()))
        })
        .await
    }

    /// The pods of the model that are not on their way out, once there is only one.
    pub async fn pods_left(&self) -> Result<Vec<String>> {
        wait_until("one pod to be left", START, async || {
            let pods = self.pods().await.map_err(|error| error.to_string())?;
            let stays = |pod: &&Pod| pod.metadata.deletion_timestamp.is_none();
            let names: Vec<_> = pods.iter().filter(stays).map(Pod::name_any).collect();
            if names.len() == 1 { Ok(names) } else { Err(format!("{names:?}")) }
        })
        .await
    }

    async fn pods(&self) -> Result<Vec<Pod>> {
        let of_model = ListParams::default().labels(&format!("{}={FLEET}", labels::MODEL_DEPLOYMENT));
        let pods = self.namespace.api::<Pod>().list(&of_model).await;
        pods.map(|list| list.items).map_err(HarnessError::api("list the pods of fleet"))
    }

    /// The model's status now.
    pub async fn status(&self) -> Result<ModelDeploymentStatus> {
        Ok(self.object().await?.status.unwrap_or_default())
    }

    /// Sets the replicas in its spec, as `kubectl scale` does.
    pub async fn scale(&self, replicas: u32) -> Result<()> {
        let patch = Patch::Merge(json!({"spec": {"replicas": replicas}}));
        let api = self.namespace.api::<ModelDeployment>();
        let patched = api.patch_scale(FLEET, &PatchParams::default(), &patch).await;
        patched.map(drop).map_err(HarnessError::api("scale ModelDeployment fleet"))
    }

    /// The replicas in its spec.
    pub async fn spec_replicas(&self) -> Result<i32> {
        Ok(self.object().await?.spec.replicas)
    }

    async fn object(&self) -> Result<ModelDeployment> {
        self.namespace.api().get(FLEET).await.map_err(HarnessError::api("read ModelDeployment fleet"))
    }
}

pub fn scaled(status: &ModelDeploymentStatus) -> Option<&ScalingStatus> {
    status.scaling.as_ref()
}

/// No reply is bad.
pub fn all_good(replies: &[Reply]) {
    assert!(!replies.is_empty());
    for reply in replies {
        assert!(reply.status == 200 && !reply.text.is_empty(), "{reply:?}");
    }
}

/// All are good, and of this backend.
pub fn all_by(replies: &[Reply], backend: &str) {
    all_good(replies);
    assert!(replies.iter().all(|reply| reply.backend.as_deref() == Some(backend)), "{replies:?}");
}

/// Why, and how many of a hundred go outside.
pub fn spilling(status: &ModelDeploymentStatus) -> Option<(SpillState, i32)> {
    let spill = scaled(status)?.spill.as_ref()?;
    Some((spill.state, spill.percent))
}
