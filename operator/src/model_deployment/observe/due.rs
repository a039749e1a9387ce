//! Which replica to ask about, and when.

use super::{Replica, SETTLED};
use crate::decide::placement::{GpuNode, Sharing};
use crate::model_deployment::build::{Applied, Children, port};
use crate::model_deployment::dereference::Observed;
use crate::model_deployment::failure::PodFacts;
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::EngineType;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use std::time::Duration;

/// What to do about a replica.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Next {
    /// There is nothing to ask.
    Nothing,
    /// Nothing yet.
    Later(Duration),
    /// Something is to be asked.
    Ask,
    /// What was answered already is not in the status.
    Tell,
}

/// The replica to ask about: the newest that serves, unless an older template's replicas are still about, whose
/// figures belong to another estimate.
pub fn replica<'a>(
    object: &ModelDeployment,
    namespace: &'a str,
    observed: &'a Observed,
    children: &Children<Applied>,
) -> Option<Replica<'a>> {
    if !is_rolled_out(&children.deployment) {
        return None;
    }
    let pod = observed.pods.iter().rev().find(|pod| pod.ready && !pod.terminating)?;
    let memory = object.status.as_ref().and_then(|status| status.memory.as_ref());
    let known = memory.and_then(|memory| memory.observed.as_ref()).filter(|known| known.pod == pod.name);
    let nodes = observed.inventory.nodes();
    let node = nodes.iter().find(|node| pod.node.as_ref() == Some(&node.name));
    Some(Replica {
        namespace,
        pod,
        // llama.cpp's metrics say nothing of memory.
        metrics_port: port(object).filter(|_| object.spec.engine.engine_type == EngineType::Custom),
        gpu_node: node.filter(|node| is_one_pods(node)).map(|node| node.name.as_str()),
        is_known: known.is_some(),
        gpu_is_known: known.is_some_and(|known| known.gpu.is_some()),
    })
}

/// Whether each GPU of a node is one pod's.
fn is_one_pods(node: &GpuNode) -> bool {
    node.sharing == Sharing::Exclusive && !node.devices.iter().any(|device| device.shareable)
}

/// Whether every pod is of the present template.
pub(in crate::model_deployment) fn is_rolled_out(deployment: &Deployment) -> bool {
    deployment.status.as_ref().is_some_and(|status| {
        status.observed_generation >= deployment.metadata.generation
            && status.updated_replicas == status.replicas
    })
}

/// What to do about a replica whose engine, or GPU, was asked already.
pub fn next(replica: &Replica<'_>, engine_asked: bool, gpu_asked: bool, now: Timestamp) -> Next {
    if !replica.is_known && !engine_asked {
        return Next::Ask;
    }
    if !gpu_asked {
        return match settles_in(replica.pod, now) {
            Some(wait) => Next::Later(wait),
            None => Next::Ask,
        };
    }
    if replica.is_known { Next::Nothing } else { Next::Tell }
}

/// Whether what watches the GPU has seen it with the model loaded.
pub(super) fn is_settled(pod: &PodFacts, now: Timestamp) -> bool {
    settles_in(pod, now).is_none()
}

fn settles_in(pod: &PodFacts, now: Timestamp) -> Option<Duration> {
    let ready_for = now.duration_since(pod.ready_since?);
    // A clock that is behind counts as if the pod had just got ready.
    let ready_for = Duration::try_from(ready_for).unwrap_or_default();
    SETTLED.checked_sub(ready_for).filter(|wait| !wait.is_zero())
}

#[cfg(test)]
mod tests {
    use super::*;
    use k8s_openapi::api::core::v1::Pod;
    use serde_json::json;

    fn pod(ready_since: &str) -> PodFacts {
        let conditions = json!([{"type": "Ready", "status": "True", "lastTransitionTime": ready_since}]);
        let pod = json!({"metadata": {"name": "a"}, "status": {"conditions": conditions}});
        PodFacts::of(&serde_json::from_value::<Pod>(pod).unwrap())
    }

    fn replica(pod: &PodFacts, is_known: bool) -> Replica<'_> {
        Replica {
            namespace: "apps",
            pod,
            metrics_port: None,
            gpu_node: Some("n"),
            is_known,
            gpu_is_known: false,
        }
    }

    #[test]
    fn the_engine_is_asked_at_once_and_its_gpu_a_minute_later() {
        let now: Timestamp = "2026-11-24T10:00:30Z".parse().unwrap();
        let fresh = pod("2026-11-24T10:00:10Z");
        assert_eq!(next(&replica(&fresh, false), false, false, now), Next::Ask);
        let later = Next::Later(Duration::from_secs(40));
        assert_eq!(next(&replica(&fresh, true), false, false, now), later);
        assert_eq!(next(&replica(&fresh, false), true, false, now), later);
        let settled = pod("2026-11-24T09:59:30Z");
        assert_eq!(next(&replica(&settled, true), false, false, now), Next::Ask);
        assert_eq!(next(&replica(&settled, true), false, true, now), Next::Nothing);
        assert_eq!(next(&replica(&settled, false), true, true, now), Next::Tell);
    }

    #[test]
    fn a_clock_that_is_behind_waits_no_longer_than_the_whole_time() {
        let now: Timestamp = "2026-11-24T09:00:00Z".parse().unwrap();
        let ahead = pod("2026-11-24T10:00:00Z");
        assert_eq!(next(&replica(&ahead, true), true, false, now), Next::Later(SETTLED));
    }
}
