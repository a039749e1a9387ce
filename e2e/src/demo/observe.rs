//! What the cluster says after the traffic.

use super::traffic::{Request, leaked};
use super::{Cluster, NAMESPACE};
use crate::error::Result;
use crate::progress::Step;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use std::time::{Duration, Instant};

/// Status follows traffic with a few seconds' delay.
const STATUS_DEADLINE: Duration = Duration::from_secs(30);

/// The figures, for machines: `target/demo/summary.json`.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Summary {
    /// Requests sent.
    pub requests: usize,
    /// Of these, not answered in full.
    pub failed: usize,
    /// Percent of the answered ones that the fleet answered.
    pub fleet_percent: f64,
    /// Requests with a class that is bound to the cluster.
    pub bound_requests: usize,
    /// Of these, seen by the external API, by its own account and by the router's header.
    pub bound_requests_that_left: u64,
    /// Prompt and completion tokens outside.
    pub external_tokens: u64,
    /// Prompt and completion tokens in the fleet.
    pub fleet_tokens: u64,
    /// Engine pods that have a node.
    pub pods: Vec<PodPlacement>,
}

/// One engine pod.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct PodPlacement {
    /// The pod's name.
    pub name: String,
    /// Whose it is.
    pub model_deployment: String,
    /// Where it runs.
    pub node: String,
    /// Memory of one GPU there, in MiB.
    #[serde(rename = "gpuMemoryMiB")]
    pub gpu_memory_mib: u64,
    /// What it needs, in MiB.
    #[serde(rename = "estimateMiB")]
    pub estimate_mib: u64,
}

/// Everything that the report shows.
pub struct Observation {
    pub(super) summary: Summary,
    /// Engine pods that no node can take.
    pub(super) waiting: Vec<PodPlacement>,
    pub(super) requests: Vec<Request>,
    pub(super) nodes: Vec<Value>,
    pub(super) models: Vec<Value>,
    pub(super) policy: Value,
    /// Pod and working set in bytes, of operator and routers.
    pub(super) memory: Vec<(String, u64)>,
}

/// Reads it all.
pub(super) fn observe(cluster: &Cluster, requests: Vec<Request>) -> Result<Observation> {
    let step = Step::start("read what became of it");
    let nodes = items(cluster.get(["nodes"])?);
    let models = items(cluster.get(["-n", NAMESPACE, "modeldeployments.flotilla.dev"])?);
    let engines = items(cluster.get(["-n", NAMESPACE, "pods", "-l", "flotilla.dev/model-deployment"])?);
    let all = engines.iter().map(|pod| placement(pod, &nodes, &models));
    let (pods, waiting) = all.partition(|pod: &PodPlacement| !pod.node.is_empty());
    let policy = counted_policy(cluster, requests.iter().filter(|request| request.ok).count())?;
    let memory = memory(cluster, &nodes)?;
    let outside = |request: &Request| request.backend.as_deref() == Some("gpt-4o");
    let answered: Vec<_> = requests.iter().filter(|request| request.ok).collect();
    let tokens = |external: bool| {
        let side = answered.iter().filter(|request| outside(request) == external);
        side.map(|request| request.prompt + request.completion).sum()
    };
    let fleet = answered.iter().filter(|request| !outside(request)).count();
    let bound = requests.iter().filter(|request| request.kind == "phi");
    let left_by_header = bound.clone().filter(|request| outside(request)).count() as u64;
    let summary = Summary {
        requests: requests.len(),
        failed: requests.len() - answered.len(),
        fleet_percent: percent(fleet, answered.len()),
        bound_requests: bound.count(),
        bound_requests_that_left: leaked(cluster)?.max(left_by_header),
        external_tokens: tokens(true),
        fleet_tokens: tokens(false),
        pods,
    };
    step.done();
    Ok(Observation { summary, waiting, requests, nodes, models, policy, memory })
}

/// `part` of `whole` in percent, to a tenth.
pub(super) fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { (1000.0 * part as f64 / whole as f64).round() / 10.0 }
}

fn items(mut list: Value) -> Vec<Value> {
    match list["items"].take() {
        Value::Array(items) => items,
        _ => Vec::new(),
    }
}

fn placement(pod: &Value, nodes: &[Value], models: &[Value]) -> PodPlacement {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let model = text(&pod["metadata"]["labels"]["flotilla.dev/model-deployment"]);
    let node = text(&pod["spec"]["nodeName"]);
    let named = |all: &[Value], name: &str| {
        all.iter().find(|o| o["metadata"]["name"] == name).cloned().unwrap_or_default()
    };
    let label = text(&named(nodes, &node)["metadata"]["labels"]["nvidia.com/gpu.memory"]);
    let total = text(&named(models, &model)["status"]["memory"]["total"]);
    PodPlacement {
        name: text(&pod["metadata"]["name"]),
        gpu_memory_mib: label.parse().unwrap_or(0),
        estimate_mib: total.trim_end_matches("Mi").parse().unwrap_or(0),
        model_deployment: model,
        node,
    }
}

/// The policy, once its status has counted every answered request.
fn counted_policy(cluster: &Cluster, answered: usize) -> Result<Value> {
    let start = Instant::now();
    loop {
        let policy = cluster.get(["-n", NAMESPACE, "routingpolicies.flotilla.dev", "assistant"])?;
        let counted = policy["status"]["split"]["requests"].as_u64().unwrap_or(0);
        if counted >= answered as u64 || start.elapsed() > STATUS_DEADLINE {
            return Ok(policy);
        }
        pause();
    }
}

/// Between two looks. Nothing else runs on this thread.
#[expect(clippy::disallowed_methods, reason = "no async worker here to block")]
fn pause() {
    std::thread::sleep(Duration::from_secs(1));
}

/// The kubelets' own figures.
fn memory(cluster: &Cluster, nodes: &[Value]) -> Result<Vec<(String, u64)>> {
    // A container that is being replaced is reported twice; the later line is the present one.
    let mut found = BTreeMap::new();
    for node in nodes.iter().filter_map(|node| node["metadata"]["name"].as_str()) {
        let metrics = cluster.raw(&format!("/api/v1/nodes/{node}/proxy/metrics/resource"))?;
        found.extend(metrics.lines().filter_map(working_set));
    }
    Ok(found.into_iter().collect())
}

/// Reads `container_memory_working_set_bytes{container="…",namespace="…",pod="…"} BYTES TIME` of our containers.
fn working_set(line: &str) -> Option<(String, u64)> {
    let (labels, values) = line.strip_prefix("container_memory_working_set_bytes{")?.split_once("} ")?;
    let label = |name: &str| {
        let (_, rest) = labels.split_once(&format!("{name}=\""))?;
        rest.split('"').next()
    };
    let container =
        label("container").filter(|container| ["operator", "flotilla-router"].contains(container))?;
    let bytes: f64 = values.split(' ').next()?.parse().ok()?;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a figure for people")]
    let bytes = bytes as u64;
    Some((format!("{} ({container})", label("pod")?), bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn working_sets_of_our_containers_are_read() {
        let line = |container: &str| {
            format!(
                "container_memory_working_set_bytes{{container=\"{container}\",namespace=\"n\",pod=\"p\"}} 1.5e+06 1"
            )
        };
        assert_eq!(working_set(&line("operator")), Some(("p (operator)".to_owned(), 1_500_000)));
        assert_eq!(working_set(&line("engine")), None);
        assert_eq!(working_set("# TYPE container_memory_working_set_bytes gauge"), None);
    }

    #[test]
    fn percentages_have_one_decimal_and_nothing_is_no_percent() {
        assert!((percent(189, 200) - 94.5).abs() < 1e-9);
        assert!(percent(0, 0).abs() < 1e-9);
    }
}
