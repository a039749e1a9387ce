//! A thousand simulated nodes and two thousand models, made and taken away.

use super::Outcome;
use super::cards::{kind_of, node_name};
use flotilla_crds::{ModelDeployment, labels};
use flotilla_e2e::bed::{self, Paths, SIMULATED};
use flotilla_e2e::harness::{Cluster, HarnessError, Result, TestNamespace, wait_until};
use futures::{StreamExt as _, TryStreamExt as _, stream};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::api::{DeleteParams, ListParams, PostParams};
use kube::{Api, ResourceExt as _};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

pub const NODES: usize = 1000;
pub const MODELS: usize = 2000;
/// Requests at once.
const AT_ONCE: usize = 16;
const DEADLINE: Duration = Duration::from_mins(15);
/// Needs in GiB, over and over: small ones are more common, and some fit the largest card alone.
const NEEDS_GIB: [u64; 16] = [4, 6, 7, 9, 11, 13, 14, 15, 18, 20, 22, 23, 30, 36, 42, 70];

/// What the test makes.
pub struct Crowd<'a> {
    cluster: &'a Cluster,
    namespace: &'a TestNamespace,
    paths: Paths,
}

impl<'a> Crowd<'a> {
    pub fn new(cluster: &'a Cluster, namespace: &'a TestNamespace) -> Result<Self> {
        Ok(Self { cluster, namespace, paths: Paths::from_env()? })
    }

    /// Makes nodes and models and waits until every model serves.
    pub async fn gather(&self) -> Result<Outcome> {
        bed::start_kwok(&self.paths)?;
        let nodes: Api<Node> = Api::all(self.cluster.client.clone());
        create(&nodes, (0..NODES).map(node)).await?;
        let start = Instant::now();
        create(&self.namespace.api::<ModelDeployment>(), (0..MODELS).map(model)).await?;
        println!("{NODES} nodes; {MODELS} models made in {:.0} s", start.elapsed().as_secs_f32());
        let pods = self.namespace.api::<Pod>();
        wait_until("every pod to run", DEADLINE, async || {
            let running = pods.list_metadata(&ListParams::default().fields("status.phase=Running")).await;
            let running = running.map_err(|error| error.to_string())?.items.len();
            tokio::time::sleep(Duration::from_secs(2)).await;
            if running == MODELS { Ok(()) } else { Err(format!("{running} of {MODELS} run")) }
        })
        .await?;
        let settled = Instant::now();
        self.all_serve().await?;
        println!("every status says so after {:.0} s", start.elapsed().as_secs_f32());
        let list = pods.list(&ListParams::default()).await.map_err(HarnessError::api("list the pods"))?;
        Ok(Outcome { placed: list.items.iter().map(placed).collect(), start, settled })
    }

    async fn all_serve(&self) -> Result<()> {
        let models = self.namespace.api::<ModelDeployment>();
        wait_until("every model to be Ready", DEADLINE, async || {
            let list = models.list(&ListParams::default()).await.map_err(|error| error.to_string())?;
            let ready = |model: &&ModelDeployment| {
                let conditions = model.status.iter().flat_map(|status| &status.conditions);
                conditions
                    .into_iter()
                    .any(|c| c.type_ == "Ready" && c.status == "True" && c.reason == "Serving")
            };
            let ready = list.iter().filter(ready).count();
            tokio::time::sleep(Duration::from_secs(2)).await;
            if ready == MODELS { Ok(()) } else { Err(format!("{ready} of {MODELS} are")) }
        })
        .await
    }

    /// Takes all of it away. The models first: their pods end while there is somebody to end them.
    pub async fn disperse(&self) -> Result<()> {
        self.namespace.delete().await?;
        let pods = self.namespace.api::<Pod>();
        let gone = wait_until("the pods to go", DEADLINE, async || {
            let left = pods.list_metadata(&ListParams::default().limit(1)).await;
            let left = left.map_err(|error| error.to_string())?.items.len();
            if left == 0 { Ok(()) } else { Err("some are left".to_owned()) }
        })
        .await;
        let nodes: Api<Node> = Api::all(self.cluster.client.clone());
        let ours = ListParams::default().labels("flotilla.dev/simulated=true");
        let deleted = nodes.delete_collection(&DeleteParams::default(), &ours).await;
        bed::stop_kwok(&self.paths);
        deleted.map(drop).map_err(HarnessError::api("delete the nodes"))?;
        gone
    }
}

async fn create<K>(api: &Api<K>, objects: impl Iterator<Item = Value>) -> Result<()>
where
    K: kube::Resource + serde::Serialize + serde::de::DeserializeOwned + Clone + std::fmt::Debug,
{
    let one = |object: Value| async move {
        let object: K =
            serde_json::from_value(object).map_err(|error| HarnessError::Yaml(error.to_string()))?;
        api.create(&PostParams::default(), &object).await.map_err(HarnessError::api("create"))
    };
    stream::iter(objects).map(one).buffer_unordered(AT_ONCE).try_for_each(|_| async { Ok(()) }).await
}

fn node(number: usize) -> Value {
    let name = node_name(number);
    let kind = kind_of(&name);
    let resources = json!({
        "cpu": "64", "memory": "512Gi", "pods": "110", "ephemeral-storage": "1Ti", labels::GPU_RESOURCE: kind.count.to_string(),
    });
    let (annotation, value) = SIMULATED;
    json!({
        "apiVersion": "v1", "kind": "Node",
        "metadata": {
            "name": name,
            "annotations": {annotation: value},
            "labels": {
                "flotilla.dev/simulated": "true", "kubernetes.io/hostname": name,
                labels::GPU_PRODUCT: kind.product, labels::GPU_MEMORY: kind.memory_mib.to_string(),
                "nvidia.com/gpu.count": kind.count.to_string(), "nvidia.com/gpu.replicas": "1",
                "nvidia.com/gpu.sharing-strategy": "none", "nvidia.com/mig.strategy": "none",
            },
        },
        "spec": {"taints": [{"key": annotation, "value": value, "effect": "NoSchedule"}]},
        "status": {"capacity": resources, "allocatable": resources},
    })
}

fn model(number: usize) -> Value {
    let need = NEEDS_GIB[number % NEEDS_GIB.len()];
    let (taint, value) = SIMULATED;
    json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": format!("m-{need}-{number}")},
        "spec": {
            "model": {"servedName": format!("simulated-{number}")},
            "scaling": {"maxReplicas": 2},
            "engine": {"type": "Custom", "image": "registry.example/engine:1"},
            "placement": {
                "gpuMemory": format!("{need}Gi"),
                "nodeSelector": {"flotilla.dev/simulated": "true"},
                "tolerations": [{"key": taint, "value": value, "effect": "NoSchedule"}],
            },
        },
    })
}

/// The need in MiB, which the name has, and the node.
fn placed(pod: &Pod) -> (u64, String) {
    let model = pod.labels()[labels::MODEL_DEPLOYMENT].clone();
    let need: u64 = model.split('-').nth(1).unwrap().parse().unwrap();
    (need << 10, pod.spec.as_ref().unwrap().node_name.clone().unwrap())
}
