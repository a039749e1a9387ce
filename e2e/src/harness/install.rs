//! Flotilla on the cluster, installed by its Helm chart as a user would, once for all tests.

use super::cluster::Cluster;
use super::error::{HarnessError, Result};
use super::wait::wait_until;
use crate::bed::{self, Paths, repository};
use crate::command::{command, output};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::Api;
use kube::api::{ListParams, Patch, PatchParams};
use serde_json::json;
use std::fs::File;
use std::path::PathBuf;
use std::time::Duration;
use tokio::sync::OnceCell;

/// Where it is installed.
pub const NAMESPACE: &str = "flotilla";
/// The operator's Deployment.
pub const OPERATOR: &str = "flotilla-operator";
/// The repository of the engine that stands in for llama.cpp with CUDA.
pub const ENGINE_IMAGE: &str = "flotilla/engine-llamacpp:dev";
/// Labels of operator pods.
const PODS: &str = "app.kubernetes.io/name=flotilla,app.kubernetes.io/component=operator";
/// To pull the image and take the lease.
const ROLLOUT: Duration = Duration::from_mins(4);
/// Tests start engines side by side; the cards of the bed are numbers anyway.
const GPUS_FOR_TESTS: u32 = 16;

/// What is installed.
#[derive(Debug, Clone)]
pub struct Release {
    /// Where images come from.
    pub registry: String,
    /// Their tag.
    pub tag: String,
    /// Operator pods.
    pub replicas: u32,
}

impl Default for Release {
    /// What `flotilla-bed images` pushes.
    fn default() -> Self {
        Self { registry: bed::REGISTRY.to_owned(), tag: "dev".to_owned(), replicas: 2 }
    }
}

/// The reference of an image in the bed's registry.
pub fn image(name: &str) -> String {
    format!("{}/{name}", bed::REGISTRY)
}

/// Installs Flotilla for the tests of this program, unless that was done, and gives nodes enough GPUs for tests
/// that run side by side.
///
/// # Errors
/// If Helm fails, or the operator does not become available.
pub async fn install(cluster: &Cluster) -> Result<()> {
    static DONE: OnceCell<()> = OnceCell::const_new();
    DONE.get_or_try_init(async || {
        for node in bed::NODES {
            bed::advertise(&Paths::from_env()?, node.name, GPUS_FOR_TESTS)?;
        }
        Release::default().install(cluster).await
    })
    .await
    .copied()
}

/// The chart's folder.
fn chart() -> PathBuf {
    repository().join("charts/flotilla")
}

/// Applies the CustomResourceDefinitions and waits until the API server serves them.
///
/// # Errors
/// If it refuses them.
pub fn install_definitions(cluster: &Cluster) -> Result<()> {
    let crds = chart().join("crds").display().to_string();
    output(&mut cluster.kubectl(["apply", "--server-side", "--force-conflicts", "-f", &crds])?)?;
    output(&mut cluster.kubectl(["wait", "--for=condition=Established", "--timeout=30s", "-f", &crds])?)?;
    Ok(())
}

impl Release {
    /// Installs or upgrades it, and waits for the operator. An operator of the same image is left running.
    ///
    /// # Errors
    /// If Helm fails, or the operator does not become available.
    pub async fn install(&self, cluster: &Cluster) -> Result<()> {
        let path = std::env::temp_dir().join("flotilla-e2e-install.lock");
        let lock = File::create(&path).map_err(HarnessError::file(&path))?;
        // Two programs that install at once would stop each other: Helm allows one operation on a release.
        lock.lock().map_err(HarnessError::file(&path))?;
        self.apply_chart(cluster)?;
        if self.is_outdated(cluster).await? {
            restart(cluster).await?;
        }
        self.available(cluster).await
    }

    fn apply_chart(&self, cluster: &Cluster) -> Result<()> {
        // Helm installs the definitions once and never upgrades them.
        install_definitions(cluster)?;
        let chart = chart().display().to_string();
        let mut helm = cluster.helm(["upgrade", "--install", "flotilla", &chart])?;
        helm.args(["--namespace", NAMESPACE, "--create-namespace"]);
        let models = Paths::from_env()?.models().display().to_string();
        for value in [
            format!("modelFiles.cacheFolder={models}"),
            format!("modelFiles.nodeFolders={{{models}}}"),
            format!("registry={}", self.registry),
            format!("tag={}", self.tag),
            format!("operator.replicas={}", self.replicas),
            format!("engines.llamaCpp.image={}/{ENGINE_IMAGE}", self.registry),
            // The bed's registry has no TLS, and the operator reads the heads of model files from it.
            format!("modelFiles.plainHTTPRegistries={{{}}}", self.registry),
        ] {
            helm.args(["--set-string", &value]);
        }
        output(&mut helm)?;
        Ok(())
    }

    /// Whether a pod runs another image than the one that the tag now names.
    async fn is_outdated(&self, cluster: &Cluster) -> Result<bool> {
        let reference = format!("{}/flotilla/operator:{}", self.registry, self.tag);
        let crane = bed::tool(&Paths::from_env()?, "crane")?;
        let digest = output(&mut command(crane, ["digest", "--insecure", &reference]))?;
        let api: Api<Pod> = Api::namespaced(cluster.client.clone(), NAMESPACE);
        let pods = api.list(&ListParams::default().labels(PODS)).await;
        let pods = pods.map_err(HarnessError::api("list the operator's pods"))?;
        let statuses = pods.into_iter().filter_map(|pod| pod.status?.container_statuses).flatten();
        Ok(statuses
            .filter(|status| !status.image_id.is_empty())
            .any(|status| !status.image_id.ends_with(digest.trim())))
    }

    /// Waits until every replica runs the present template and is ready.
    ///
    /// # Errors
    /// If it is not so in time.
    pub async fn available(&self, cluster: &Cluster) -> Result<()> {
        let api: Api<Deployment> = Api::namespaced(cluster.client.clone(), NAMESPACE);
        wait_until("the operator to be available", ROLLOUT, async || {
            let deployment = api.get(OPERATOR).await.map_err(|error| error.to_string())?;
            let generation = deployment.metadata.generation;
            let status = deployment.status.unwrap_or_default();
            let wanted = i32::try_from(self.replicas).ok();
            let all = [status.replicas, status.updated_replicas, status.available_replicas];
            if status.observed_generation >= generation && all.iter().all(|count| *count == wanted) {
                return Ok(());
            }
            Err(format!("of {wanted:?} replicas: {all:?} exist, are updated, are available"))
        })
        .await
    }
}

async fn restart(cluster: &Cluster) -> Result<()> {
    let api: Api<Deployment> = Api::namespaced(cluster.client.clone(), NAMESPACE);
    let now = jiff::Timestamp::now().to_string();
    let patch = json!({"spec": {"template": {"metadata": {"annotations": {"flotilla.dev/restarted": now}}}}});
    api.patch(OPERATOR, &PatchParams::default(), &Patch::Merge(patch))
        .await
        .map(drop)
        .map_err(HarnessError::api("restart the operator"))
}
