//! What one whole scaling pass over two thousand models costs, and what all passes do at rest: `make bench-scaling`.
//!
//! Objects, pods, nodes, what routers and engines report in; decisions, capacities, costs and gauges out. With traffic
//! for every model; with a pod that comes or goes each second beside it, after which every model is looked at anew; and
//! at rest, where most passes are left out.

#![allow(clippy::expect_used, reason = "constants of its own: a broken one must stop it")]

use flotilla_crds::router_config::BackendDemand;
use flotilla_crds::{ModelDeployment, labels};
use flotilla_operator::decide::observe::load::EngineLoad;
use flotilla_operator::decide::placement::{Inventory, PodGpus, Usage};
use flotilla_operator::routing_policy::ObjectKey;
use flotilla_operator::scaling::{
    Autoscaler, Board, EngineReports, Gauges, Reports, Targets, World, engines,
};
use jiff::Timestamp;
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::core::DeserializeGuard;
use rustix::time::{ClockId, clock_gettime};
use serde_json::json;
use std::sync::Arc;
use std::time::{Duration, Instant};

const MODELS: u64 = 2000;
const NODES: u64 = 1000;
/// GPUs of each.
const GPUS: u32 = 8;
/// Products and their MiB, from large to small.
const CARDS: [(&str, u32); 4] =
    [("NVIDIA-H100-80GB-HBM3", 81_559), ("NVIDIA-L40S", 46_068), ("NVIDIA-L4", 23_034), ("Tesla-T4", 15_360)];
/// Seconds before it is measured, so that every memory is full.
const BEFORE: i64 = 400;
/// The shortest of so many passes is what one costs; the others were disturbed.
const SECONDS: i64 = 60;
const POLICY: &str = "apps/split";

fn main() {
    println!("scaling of {MODELS} models, and what goes with it each second:");
    for (name, what) in [
        ("with traffic", What::Traffic),
        ("with traffic and pods that move", What::Pods),
        ("at rest", What::Rest),
    ] {
        let mut bench = Bench::new();
        for second in 0..BEFORE {
            bench.second(second, what);
        }
        let seconds: Vec<_> = (BEFORE..BEFORE + SECONDS).map(|second| bench.second(second, what)).collect();
        let passes = seconds.iter().filter(|second| second.passed);
        let (cpu, wall) =
            (passes.clone().map(|second| second.cpu).min(), passes.map(|second| second.wall).min());
        let mean =
            seconds.iter().map(|second| second.cpu).sum::<Duration>() / seconds.len().try_into().unwrap_or(1);
        let ms = |time: Duration| time.as_secs_f64() * 1e3;
        let (cpu, wall) = (cpu.unwrap_or_default(), wall.unwrap_or_default());
        println!(
            "  {name}: a pass {:.1} ms of CPU, {:.1} ms; a second on average {:.1} ms of CPU",
            ms(cpu),
            ms(wall),
            ms(mean)
        );
    }
}

/// What happens each second.
#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    Traffic,
    /// The same, and GPUs are taken or left.
    Pods,
    Rest,
}

/// What was done in a second.
struct Second {
    passed: bool,
    cpu: Duration,
    wall: Duration,
}

struct Bench {
    world: World,
    reports: Arc<Reports>,
    engines: Arc<EngineReports>,
    autoscaler: Autoscaler,
}

impl Bench {
    fn new() -> Self {
        let (reports, engines) = (Arc::<Reports>::default(), Arc::<EngineReports>::default());
        let gauges = Gauges::new(&prometheus::Registry::new()).expect("names of its own");
        // In no order, as caches hand them out: 769 has no divisor in common with their number.
        let objects: Vec<ModelDeployment> = (0..MODELS).map(|nth| object(nth * 769 % MODELS)).collect();
        let mut targets = Targets::default();
        for object in &objects {
            let key = ObjectKey::of(object);
            targets.add(POLICY, &key.name, key.clone());
        }
        let world = World {
            objects: objects.into_iter().map(|object| Arc::new(DeserializeGuard(Ok(object)))).collect(),
            pods: (0..MODELS).map(|nth| Arc::new(pod(nth))).collect(),
            inventory: Arc::new(inventory(0)),
            targets: Arc::new(targets),
        };
        let autoscaler = Autoscaler::new(reports.clone(), engines.clone(), Arc::<Board>::default(), gauges);
        Self { world, reports, engines, autoscaler }
    }

    /// Reports of a second, and what it takes to decide after them.
    fn second(&mut self, second: i64, what: What) -> Second {
        let traffic = what != What::Rest;
        if what == What::Pods {
            self.world.inventory = Arc::new(inventory(second.unsigned_abs()));
        }
        let now = Timestamp::from_second(second).expect("a small number");
        let counted = if traffic { second.unsigned_abs() } else { 0 };
        let demand = (0..MODELS).map(|nth| BackendDemand {
            policy: POLICY.to_owned(),
            backend: name(nth),
            // Every model at another load, and noisy.
            offered_prompt_tokens: counted * (nth % 97) * 100
                + (nth * 31 + counted * 17) % 13 * 50 * counted.min(1),
            served_prompt_tokens: counted * (nth % 97) * 100,
            in_flight: u32::from(traffic),
            ..BackendDemand::default()
        });
        self.reports.take("apps/router", demand.collect(), now);
        let present = engines(&self.world.objects, &self.world.pods);
        for engine in self.engines.due(present, now) {
            let load = EngineLoad { prompt_tokens: counted as f64 * 100.0, ..EngineLoad::default() };
            self.engines.take(&engine.pod, Some(load), now);
        }
        let (start, before) = (Instant::now(), on_cpu());
        // The caches hand out copies of their references, too.
        let news = std::hint::black_box(self.autoscaler.tick(self.world.clone(), now));
        Second { passed: news.is_some(), cpu: on_cpu().saturating_sub(before), wall: start.elapsed() }
    }
}

/// How long this thread was on a CPU.
fn on_cpu() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    time.try_into().expect("a time since the thread began")
}

fn name(nth: u64) -> String {
    format!("m{nth}")
}

/// A thousand nodes, on which pods have other GPUs each second.
fn inventory(second: u64) -> Inventory {
    let nodes = (0..NODES).map(|nth| {
        let (product, mib) = CARDS[usize::try_from(nth).unwrap_or_default() % CARDS.len()];
        let node = json!({
            "metadata": {"name": format!("n{nth}"), "labels": {
                "kubernetes.io/hostname": format!("n{nth}"), labels::GPU_PRODUCT: product,
                labels::GPU_MEMORY: mib.to_string()}},
            "status": {"allocatable": {labels::GPU_RESOURCE: GPUS.to_string()}},
        });
        serde_json::from_value(node).expect("a node")
    });
    let nodes: Vec<Node> = nodes.collect();
    let taken = (0..NODES).map(|nth| PodGpus {
        node: format!("n{nth}"),
        resources: [(
            labels::GPU_RESOURCE.to_owned(),
            u32::try_from((nth * 7 + second) % 9).unwrap_or_default(),
        )]
        .into(),
    });
    Inventory::from_nodes(&nodes, &Usage::of(&taken.collect::<Vec<_>>()))
}

fn object(nth: u64) -> ModelDeployment {
    let object = json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
        "metadata": {"name": name(nth), "namespace": "apps", "generation": 1},
        "spec": {"model": {"source": "oci://reg.example/m:1"}, "context": {"parallelSequences": 4},
            "scaling": {"maxReplicas": 9}},
        "status": {"desiredReplicas": 1, "quantization": "Q4_K_M",
            "memory": {"weights": "1919Mi", "kvCache": "896Mi", "total": "3285Mi", "required": "3450Mi"}},
    });
    serde_json::from_value(object).expect("an object")
}

fn pod(nth: u64) -> Pod {
    let pod = json!({
        "metadata": {"name": format!("{}-0", name(nth)), "namespace": "apps",
            "labels": {labels::MODEL_DEPLOYMENT: name(nth)}, "creationTimestamp": "1970-01-01T00:00:00Z"},
        "spec": {"containers": [], "nodeName": format!("n{}", nth % NODES)},
        "status": {"podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True",
            "lastTransitionTime": "1970-01-01T00:00:30Z"}]},
    });
    serde_json::from_value(pod).expect("a pod")
}
