//! A world of a few models, second by second.

use super::super::*;
use crate::decide::economics::TokenPrice;
use crate::decide::observe::load::EngineLoad;
use crate::decide::placement::testing::{inventory, node};
use crate::routing_policy::ObjectKey;
use flotilla_crds::ModelDeployment;
use flotilla_crds::labels;
use flotilla_crds::router_config::{BackendDemand, NanoUsd, SpillState};
use flotilla_crds::routing_policy::SpillSpec;
use jiff::{SignedDuration, Timestamp};
use kube::core::DeserializeGuard;
use serde_json::{Value, json};
use std::sync::Arc;

pub(super) struct Bench {
    pub(super) reports: Arc<Reports>,
    pub(super) engines: Arc<EngineReports>,
    pub(super) board: Arc<Board>,
    registry: prometheus::Registry,
    pub(super) autoscaler: Autoscaler,
    pub(super) world: World,
    pub(super) now: Timestamp,
    /// Objects that were to be reconciled, in order.
    pub(super) news: Vec<String>,
    /// How often anything was decided.
    pub(super) passes: usize,
    /// Passes after which routers had to be told.
    pub(super) routers_told: usize,
    pub(super) offered: u64,
    pub(super) served: u64,
}

pub(super) fn key(name: &str) -> ObjectKey {
    ObjectKey { namespace: "apps".to_owned(), name: name.to_owned() }
}

#[allow(clippy::needless_pass_by_value, reason = "rows are built in place")]
pub(super) fn object(name: &str, scaling: Value, replicas: i32, desired: Option<i32>) -> ModelDeployment {
    serde_json::from_value(json!({
        "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
        "metadata": {"name": name, "namespace": "apps", "generation": 1},
        "spec": {"model": {"servedName": "llama", "source": "oci://reg.example/m:1"}, "replicas": replicas,
            "context": {"parallelSequences": 4}, "scaling": scaling},
        "status": {"desiredReplicas": desired, "quantization": "Q4_K_M",
            "memory": {"weights": "1919Mi", "kvCache": "896Mi", "total": "3285Mi", "required": "3450Mi"}},
    }))
    .unwrap()
}

/// A pod that serves, or one without a node.
pub(super) fn pod(model: &str, index: usize, ready: bool) -> Value {
    json!({
        "metadata": {"name": format!("{model}-{index}"), "namespace": "apps",
            "labels": {labels::MODEL_DEPLOYMENT: model}, "creationTimestamp": "2026-01-05T00:00:00Z"},
        "spec": {"containers": [], "nodeName": ready.then_some("a")},
        "status": {"conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" },
            "lastTransitionTime": "2026-01-05T00:00:30Z"}]},
    })
}

/// So many prompt tokens of work for a second of one replica.
pub(super) const SECOND: u64 = 100;

/// One replica reads [`SECOND`] tokens per second.
pub(super) fn capacity() -> Value {
    json!({"promptTokensPerSecond": SECOND, "completionTokensPerSecond": SECOND})
}

impl Bench {
    pub(super) fn new(objects: Vec<ModelDeployment>) -> Self {
        let (reports, board) = (Arc::new(Reports::default()), Arc::new(Board::default()));
        let engines = Arc::new(EngineReports::default());
        let registry = prometheus::Registry::new();
        let gauges = Gauges::new(&registry).unwrap();
        let mut targets = Targets::default();
        for object in &objects {
            let key = ObjectKey::of(object);
            targets.add("apps/split", &key.name, key.clone());
        }
        let world = World {
            objects: objects.into_iter().map(|object| Arc::new(DeserializeGuard(Ok(object)))).collect(),
            pods: Vec::new(),
            inventory: Arc::new(inventory(&[node("a", "NVIDIA-L4", 23034, 20)], &[])),
            targets: Arc::new(targets),
        };
        Self {
            autoscaler: Autoscaler::new(reports.clone(), engines.clone(), board.clone(), gauges),
            reports,
            engines,
            board,
            registry,
            world,
            now: "2026-01-05T01:00:00Z".parse().unwrap(),
            news: Vec::new(),
            passes: 0,
            routers_told: 0,
            offered: 0,
            served: 0,
        }
    }

    pub(super) fn with_pods(mut self, model: &str, ready: usize) -> Self {
        let pods = (0..ready).map(|index| Arc::new(serde_json::from_value(pod(model, index, true)).unwrap()));
        self.world.pods.extend(pods);
        self
    }

    /// A second in which so many prompt tokens are offered to `backend`.
    pub(super) fn second(&mut self, backend: &str, offered: u64, in_flight: u32) {
        self.offered += offered;
        let demand = BackendDemand {
            policy: "apps/split".to_owned(),
            backend: backend.to_owned(),
            offered_prompt_tokens: self.offered,
            in_flight,
            in_flight_prompt_tokens: u64::from(in_flight),
            served_prompt_tokens: self.served,
            ..BackendDemand::default()
        };
        self.reports.take("apps/router", vec![demand], self.now);
        self.pass();
    }

    /// So many prompt tokens were read in all, as the one engine of `llama` says.
    pub(super) fn engine(&mut self, tokens: u64, (running, waiting): (u32, u32)) {
        let address = "10.0.0.1:8080".parse().unwrap();
        let engine =
            EngineAddress { pod: "apps/llama-0".to_owned(), model: key("llama"), address, was_silent: false };
        if !self.engines.due(vec![engine], self.now).is_empty() {
            let (prompt_tokens, running, waiting) = (tokens as f64, running.into(), waiting.into());
            let load = EngineLoad { waiting, running, prompt_tokens, ..EngineLoad::default() };
            self.engines.take("apps/llama-0", Some(load), self.now);
        }
    }

    pub(super) fn pass(&mut self) {
        let news = self.autoscaler.tick(self.world.clone(), self.now);
        self.passes += usize::from(news.is_some());
        let news = news.unwrap_or_default();
        self.routers_told += usize::from(news.spills);
        self.news.extend(news.objects.into_iter().map(|key| key.name));
        self.now += SignedDuration::from_secs(1);
    }

    /// Has a policy send what the model cannot take to `api`.
    pub(super) fn spilling(mut self, model: &str, when: &[SpillState]) -> Self {
        let spec = SpillSpec { backend: "api".to_owned(), when: when.to_vec() };
        let targets = Arc::make_mut(&mut self.world.targets);
        targets.spill(&key(model), Outlet { policy: "apps/split".to_owned(), spec });
        self
    }

    /// Has a policy name a backend at 1 USD for a million prompt tokens and 2 USD for completions.
    pub(super) fn compared(mut self, model: &str) -> Self {
        let price = TokenPrice { input: NanoUsd(1_000_000_000), output: NanoUsd(2_000_000_000) };
        let targets = Arc::make_mut(&mut self.world.targets);
        targets.compare(&key(model), Comparison { name: "apps/split/api".to_owned(), price });
        self
    }

    pub(super) fn spill(&self, name: &str) -> Option<(SpillState, i32)> {
        let spill = self.board.status(self.object(name)).unwrap().spill?;
        Some((spill.state, spill.percent))
    }

    /// Somebody writes another spec of the one object.
    pub(super) fn edit(&mut self, object: ModelDeployment) {
        self.world.objects = vec![Arc::new(DeserializeGuard(Ok(object)))];
    }

    pub(super) fn object(&self, name: &str) -> &ModelDeployment {
        let mut objects = self.world.objects.iter().filter_map(|guard| guard.0.as_ref().ok());
        objects.find(|object| object.metadata.name.as_deref() == Some(name)).unwrap()
    }

    pub(super) fn desired(&self, name: &str) -> i32 {
        self.board.desired(&key(name)).unwrap()
    }

    /// The replicas that metrics say would be wanted, if they say anything.
    pub(super) fn gauge(&self) -> Option<f64> {
        self.figure("desired_replicas")
    }

    pub(super) fn figure(&self, name: &str) -> Option<f64> {
        let families = self.registry.gather();
        let name = format!("flotilla_operator_scaling_{name}");
        let family = families.iter().find(|family| family.name() == name)?;
        Some(family.get_metric().first()?.get_gauge().get_value())
    }

    pub(super) fn reason(&self, name: &str) -> String {
        self.board.status(self.object(name)).unwrap().reason
    }
}
