//! One engine: started by the operator within a limit, its slots filled, its memory read.

use super::holder::hold;
use super::rows::{NODE, Row};
use flotilla_crds::{ModelDeployment, labels};
use flotilla_e2e::bed::{PodMemory, pod_memory};
use flotilla_e2e::harness::{
    HarnessError, Result, Target, TestNamespace, condition, post_json, wait_for, wait_until,
};
use futures::future::try_join_all;
use k8s_openapi::api::core::v1::Pod;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use kube::ResourceExt as _;
use kube::api::ListParams;
use serde_json::{Value, json};
use std::time::Duration;

/// To pull images and load the model.
const START: Duration = Duration::from_mins(4);
/// Tokens of each answer.
const ANSWER: u32 = 8;
const PORT: u16 = 8080;

/// What an engine took.
#[derive(Debug, Clone)]
pub struct Taken {
    /// Its pod's memory, with every slot full.
    pub memory: PodMemory,
    /// What it says itself, as the status shows it: weights, cache and compute buffers.
    pub observed: Option<Quantity>,
}

/// Starts the engine of a row, fills its slots, and reads its memory.
pub async fn run(namespace: &TestNamespace, row: &Row, limit: Option<u64>) -> Result<Taken> {
    // Before the limit: it counts none of this.
    hold(namespace).await?;
    let limit = match limit {
        Some(limit) => Some(limited(namespace, limit).await?),
        None => None,
    };
    namespace.apply(&object(row).to_string()).await?;
    let what = "have Ready=True Serving";
    let serving = condition::<ModelDeployment>("Ready", "True", "Serving");
    wait_for(&namespace.api(), &row.name, what, START, serving).await?;
    let pod = pod(namespace, &row.name).await?;
    if limit.is_some() {
        let given = pod.spec.as_ref().unwrap().containers[0].resources.clone().unwrap_or_default().limits;
        assert_eq!(given.unwrap_or_default().get("memory"), limit.as_ref(), "the pod's limit");
    }
    let target = Target::Pod(pod.name_any(), PORT);
    try_join_all((0..row.sequences).map(|slot| fill(namespace, &target, row, slot))).await?;

    let pod = self::pod(namespace, &row.name).await?;
    let status = pod.status.unwrap_or_default().container_statuses.unwrap_or_default().remove(0);
    assert_eq!(status.restart_count, 0, "{}: {:?}", row.name, status.last_state);
    let memory = pod_memory(&status.container_id.unwrap_or_default())?;
    Ok(Taken { memory, observed: observed(namespace, &row.name).await? })
}

/// Gives containers that name no limit of their own this one: the operator's pods, unchanged. Returns it as the API
/// server writes it: 180224000 is 180224k.
async fn limited(namespace: &TestNamespace, bytes: u64) -> Result<Quantity> {
    let default = json!({"type": "Container", "default": {"memory": bytes.to_string()}, "defaultRequest": {"memory": "32Mi"}});
    let range = json!({"apiVersion": "v1", "kind": "LimitRange", "metadata": {"name": "engine"}, "spec": {"limits": [default]}});
    let applied = namespace.apply(&range.to_string()).await?;
    let written = applied[0].data["spec"]["limits"][0]["default"]["memory"].as_str();
    Ok(Quantity(written.unwrap().to_owned()))
}

fn object(row: &Row) -> Value {
    json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": row.name},
        "spec": {
            "model": {"source": row.model.source()},
            "context": {"maxTokens": row.tokens, "parallelSequences": row.sequences, "kvCacheType": format!("{:?}", row.kv)},
            // Direct I/O reads the weights past the page cache, which the peak would count. Copies of slots to go back
            // to lie in host memory wherever the model lies. With a heap for each thread, what they keep would depend
            // on how many requests a slow machine has open at once; and glibc raises its thresholds with every large
            // block that is freed, so that it would depend on the order of these how much of a heap is given back.
            "engine": {
                "args": ["--threads", "1", "--load-mode", "dio", "--ctx-checkpoints", "0"],
                "env": [
                    {"name": "MALLOC_ARENA_MAX", "value": "1"},
                    {"name": "MALLOC_MMAP_THRESHOLD_", "value": "131072"},
                ],
            },
            "placement": {"gpuMemory": "1Gi", "nodeSelector": {"kubernetes.io/hostname": NODE}},
            "rollout": {"drainTimeout": "1s"},
        },
    })
}

async fn pod(namespace: &TestNamespace, name: &str) -> Result<Pod> {
    let selector = format!("{}={name}", labels::MODEL_DEPLOYMENT);
    let list = namespace.api::<Pod>().list(&ListParams::default().labels(&selector)).await;
    let mut items = list.map_err(HarnessError::api("list engine pods"))?.items;
    assert_eq!(items.len(), 1, "{name} has one replica");
    Ok(items.remove(0))
}

/// Fills one slot: a prompt of other tokens than any other slot's, as long as leaves room for the answer.
async fn fill(namespace: &TestNamespace, target: &Target, row: &Row, slot: u32) -> Result<()> {
    let length = row.tokens - ANSWER - 1;
    let prompt: Vec<u32> = (0..length).map(|place| 1000 + (slot * 997 + place * 13) % 30_000).collect();
    let body = json!({"prompt": prompt, "n_predict": ANSWER, "ignore_eos": true, "cache_prompt": false, "id_slot": slot});
    let answer = post_json(namespace, target, "/completion", &body).await?;
    assert_eq!(answer["tokens_evaluated"], length, "{}: {answer}", row.name);
    assert_eq!(answer["tokens_predicted"], ANSWER, "{}: {answer}", row.name);
    Ok(())
}

/// What the status says that the engine took; the operator reads it soon after the replica serves.
async fn observed(namespace: &TestNamespace, name: &str) -> Result<Option<Quantity>> {
    let api = namespace.api::<ModelDeployment>();
    wait_until(&format!("the observed memory of {name}"), START, async || {
        let object = api.get(name).await.map_err(|error| error.to_string())?;
        let memory = object.status.and_then(|status| status.memory);
        let observed = memory.and_then(|memory| memory.observed);
        observed.and_then(|observed| observed.total).map(Some).ok_or_else(|| "none yet".to_owned())
    })
    .await
}
