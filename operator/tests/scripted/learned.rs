//! What was learned of a model's replicas is in its status by the time the operator ends, though a write of it fails, and
//! the next operator goes on from there.

use crate::api_server::{ApiServer, Fault};
use crate::reconcile::{OBJECT, once, with_stores};
use flotilla_crds::router_config::BackendDemand;
use flotilla_crds::{ModelDeployment, labels};
use flotilla_operator::decide::placement::{Inventory, Usage};
use flotilla_operator::fleet::Stores;
use flotilla_operator::model_deployment::Context;
use flotilla_operator::model_deployment::file::Files;
use flotilla_operator::routing_policy::ObjectKey;
use flotilla_operator::scaling::{Autoscaler, EngineReports, Gauges, Reports, Targets, World};
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{Node, Pod};
use kube::core::DeserializeGuard;
use serde_json::{Value, json};
use std::sync::Arc;

const POLICY: &str = "apps/split";
/// Prompt tokens per second that the spec promises of a replica.
const PROMISED: u64 = 100;
/// Seconds with more than a replica does, in which it is seen at its limit.
const BUSY: u64 = 150;

/// An operator with nothing in its memory.
struct Operator {
    context: Arc<Context>,
    autoscaler: Autoscaler,
    reports: Arc<Reports>,
}

impl Operator {
    async fn start(server: &ApiServer) -> Self {
        let context = with_stores(server, true, Files::off(), Stores::empty(), inventory()).await;
        let (reports, board) = (Arc::<Reports>::default(), context.scaling.clone());
        let gauges = Gauges::new(&prometheus::Registry::new()).unwrap();
        let autoscaler = Autoscaler::new(reports.clone(), Arc::<EngineReports>::default(), board, gauges);
        Self { context, autoscaler, reports }
    }

    /// Decides for the object as it is live, and has it reconciled if that is news.
    async fn second(&mut self, server: &ApiServer, now: Timestamp) {
        let object = live(server);
        let mut targets = Targets::default();
        targets.add(POLICY, "fleet", ObjectKey::of(&object));
        let world = World {
            objects: vec![Arc::new(DeserializeGuard(Ok(object)))],
            pods: vec![Arc::new(pod())],
            inventory: Arc::new(inventory()),
            targets: Arc::new(targets),
        };
        let news = self.autoscaler.tick(world, now).unwrap_or_default();
        if !news.objects.is_empty() && once(server, &self.context).await.is_err() {
            once(server, &self.context).await.unwrap();
        }
    }
}

fn inventory() -> Inventory {
    let node: Node = serde_json::from_value(json!({
        "metadata": {"name": "a", "labels": {"kubernetes.io/hostname": "a", labels::GPU_PRODUCT: "NVIDIA-L4",
            labels::GPU_MEMORY: "23034"}},
        "status": {"allocatable": {labels::GPU_RESOURCE: "4"}},
    }))
    .unwrap();
    Inventory::from_nodes(&[node], &Usage::of(&[]))
}

/// One that is scaled, with a promise of what a replica does.
fn object() -> Value {
    let mut object = crate::reconcile::object();
    object["spec"]["context"] = json!({"parallelSequences": 4});
    object["spec"]["scaling"] = json!({"maxReplicas": 1, "replicaCapacity":
        {"promptTokensPerSecond": PROMISED, "completionTokensPerSecond": PROMISED}});
    object
}

fn pod() -> Pod {
    serde_json::from_value(json!({
        "metadata": {"name": "tiny-0", "namespace": "apps", "labels": {labels::MODEL_DEPLOYMENT: "tiny"},
            "creationTimestamp": "2026-01-05T00:00:00Z"},
        "spec": {"containers": [], "nodeName": "a"},
        "status": {"conditions": [{"type": "Ready", "status": "True",
            "lastTransitionTime": "2026-01-05T00:00:30Z"}]},
    }))
    .unwrap()
}

fn live(server: &ApiServer) -> ModelDeployment {
    serde_json::from_value(server.get(OBJECT).unwrap()).unwrap()
}

/// What is asked after so many seconds: twice what the replica does, which is half of what was promised.
fn report(second: u64) -> BackendDemand {
    BackendDemand {
        policy: POLICY.to_owned(),
        backend: "fleet".to_owned(),
        offered_prompt_tokens: second * PROMISED,
        served_prompt_tokens: second * PROMISED / 2,
        in_flight: 9,
        in_flight_prompt_tokens: 9,
        ..BackendDemand::default()
    }
}

#[tokio::test]
async fn what_was_learned_is_in_the_status_and_the_next_operator_goes_on_from_it() {
    let server = ApiServer::default();
    server.put(OBJECT, object());
    let mut first = Operator::start(&server).await;
    once(&server, &first.context).await.unwrap();
    let start: Timestamp = "2026-01-05T01:00:00Z".parse().unwrap();
    let at = |second: u64| start + SignedDuration::from_secs(second.try_into().unwrap());
    for second in 0..BUSY {
        // The first request of every reconcile fails, once there is something to lose.
        if second > BUSY / 2 {
            let mut state = server.0.lock().unwrap();
            let next = state.log.len();
            let fault = if second % 2 == 0 { Fault::Refused(500) } else { Fault::DoneAndLost };
            state.faults.insert(next, fault);
        }
        first.reports.take("apps/router", vec![report(second)], at(second));
        first.second(&server, at(second)).await;
    }
    let before = live(&server).status.unwrap().scaling.unwrap();
    assert_eq!(before.learned.len(), 1, "{before:?}");
    assert_eq!(
        (before.capacity_tokens_per_second, before.learned[0].gpu_product.as_str()),
        (50, "NVIDIA-L4")
    );
    assert!(first.context.scaling.status(&live(&server)) == Some(before.clone()), "nothing was lost");
    drop(first);

    let mut next = Operator::start(&server).await;
    next.second(&server, at(BUSY + 60)).await;
    let after = live(&server).status.unwrap().scaling.unwrap();
    assert_eq!(after.reason, "MetricsUnavailable", "it decided, and has no report yet");
    assert_eq!((after.capacity_tokens_per_second, after.learned), (50, before.learned));
}
