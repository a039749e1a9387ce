//! Observed memory into the status, and a correction into the need: pure.

use super::dereference::Observed;
use super::failure::PodFacts;
use super::need::Need;
use crate::decide::calibration::{Key, correction, learn, message};
use crate::decide::observe::Reading;
use crate::kube_ext::mib;
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::{
    CalibrationMode, CalibrationStatus, ModelDeploymentStatus, ObservedMemory,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

const MIB: u64 = 1 << 20;
/// Stands where an engine or a node does not name itself.
const UNKNOWN: &str = "unknown";

/// The need with the object's own correction, if its spec asks for it. A declared need is taken as it is.
pub fn corrected(object: &ModelDeployment, mut need: Need) -> Need {
    let declared = object.spec.placement.as_ref().is_some_and(|placement| placement.gpu_memory.is_some());
    // What the status remembers was corrected when it was written.
    let fresh = need.estimate().is_some();
    if is_on(object)
        && !declared
        && fresh
        && let Some(thousandths) = known(object).and_then(|known| correction(&known.corrections))
    {
        need.required_mib = need.required_mib.saturating_mul(thousandths).div_ceil(1000);
    }
    need
}

/// What is known already, worded for the present spec.
pub fn remembered(object: &ModelDeployment) -> Option<CalibrationStatus> {
    let mut known = known(object)?.clone();
    known.message = message(&known.corrections, is_on(object));
    Some(known)
}

/// Adds what a start took to a status that does not know of it.
pub fn taught(
    mut status: ModelDeploymentStatus,
    object: &ModelDeployment,
    observed: &Observed,
    need: &Need,
    pod: &PodFacts,
    reading: &Reading,
) -> ModelDeploymentStatus {
    let (Some(total), Some(memory)) = (reading.total(), status.memory.as_mut()) else {
        return status;
    };
    memory.observed = Some(ObservedMemory {
        weights: reading.weights.map(quantity),
        kv_cache: reading.kv_cache.map(quantity),
        compute: reading.compute.map(quantity),
        total: quantity(total),
        engine_version: reading.version.clone(),
        pod: pod.name.clone(),
    });
    let Some(estimate) = need.estimate() else {
        return status;
    };
    // Engines do not report the runtime's own context.
    let estimated = estimate.total().get().saturating_sub(estimate.runtime.get());
    let node = observed.inventory.nodes.iter().find(|node| Some(&node.name) == pod.node.as_ref());
    let named = |name: &Option<String>| name.clone().unwrap_or_else(|| UNKNOWN.to_owned());
    let key = Key {
        engine_version: named(&reading.version),
        architecture: named(&reading.architecture),
        gpu: node.map_or_else(|| UNKNOWN.to_owned(), |node| node.product.clone()),
    };
    let before = status.calibration.take().unwrap_or_default().corrections;
    let corrections = learn(before, key, total, estimated);
    let message = message(&corrections, is_on(object));
    status.calibration = Some(CalibrationStatus { corrections, message });
    status
}

fn known(object: &ModelDeployment) -> Option<&CalibrationStatus> {
    object.status.as_ref()?.calibration.as_ref()
}

fn is_on(object: &ModelDeployment) -> bool {
    let mode = object.spec.placement.as_ref().and_then(|placement| placement.calibration);
    mode == Some(CalibrationMode::On)
}

fn quantity(bytes: u64) -> Quantity {
    mib(bytes.div_ceil(MIB))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model_deployment::build::{Applied, Children};
    use crate::model_deployment::file::Look;
    use crate::model_deployment::need::need;
    use crate::model_deployment::observe::due;
    use serde_json::{Value, json};
    use std::sync::Arc;

    fn object(placement: &Value) -> ModelDeployment {
        serde_json::from_value(json!({
            "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment", "metadata": {"name": "m"},
            "spec": {"model": {"preset": "smollm2-135m", "quantization": "Q4_1"}, "replicas": 1, "placement": placement},
        }))
        .unwrap()
    }

    fn pod(name: &str) -> PodFacts {
        let conditions = json!([{"type": "Ready", "status": "True"}]);
        let pod = json!({"metadata": {"name": name}, "status": {"conditions": conditions}});
        PodFacts::of(&serde_json::from_value(pod).unwrap())
    }

    fn children(updated: i32) -> Children<Applied> {
        let deployment = json!({
            "metadata": {"generation": 3}, "spec": {"selector": {}, "template": {}},
            "status": {"observedGeneration": 3, "replicas": 1, "updatedReplicas": updated},
        });
        Children {
            service: serde_json::from_value(json!({"metadata": {}})).unwrap(),
            deployment: serde_json::from_value(deployment).unwrap(),
            state: Applied,
        }
    }

    /// The object after a start of pod `name` that took `percent` of what was estimated.
    fn after_start(mut object: ModelDeployment, name: &str, percent: u64) -> ModelDeployment {
        let need = need(&object.spec, None).unwrap();
        let estimate = need.estimate().cloned().unwrap();
        let estimated = estimate.total().get() - estimate.runtime.get();
        let reading = Reading {
            weights: Some(estimated * percent / 100),
            version: Some("b1".to_owned()),
            ..Reading::default()
        };
        let observed = Observed { inventory: Arc::default(), pods: vec![pod(name)], file: Look::NONE };
        let before = object.status.clone().unwrap_or_default();
        let memory = before.memory.clone().unwrap_or_default();
        let status = ModelDeploymentStatus {
            memory: Some(memory),
            calibration: remembered(&object),
            ..ModelDeploymentStatus::default()
        };
        object.status = Some(taught(status, &object, &observed, &need, &observed.pods[0], &reading));
        object
    }

    #[test]
    fn a_start_is_asked_once_and_shown_beside_the_estimate() {
        let observed = Observed { inventory: Arc::default(), pods: vec![pod("a")], file: Look::NONE };
        let fresh = object(&json!({}));
        assert!(due(&fresh, &observed, &children(0)).is_none(), "an older template's replica is about");
        assert_eq!(due(&fresh, &observed, &children(1)).unwrap().name, "a");
        let object = after_start(fresh, "a", 110);
        assert!(due(&object, &observed, &children(1)).is_none());
        let status = object.status.unwrap();
        let shown = status.memory.unwrap().observed.unwrap();
        assert_eq!((shown.pod.as_str(), shown.engine_version.as_deref()), ("a", Some("b1")));
        let learnt = &status.calibration.unwrap().corrections[0];
        assert_eq!((learnt.starts, learnt.gpu.as_str()), (1, "unknown"));
    }

    #[test]
    fn a_correction_is_offered_and_used_only_where_asked_for() {
        for (placement, factor) in [
            (json!({}), 100),
            (json!({"calibration": "Off"}), 100),
            (json!({"calibration": "On"}), 110),
            (json!({"calibration": "On", "gpuMemory": "1Gi"}), 100),
        ] {
            let object = after_start(after_start(object(&placement), "a", 110), "b", 110);
            let plain = need(&object.spec, None).unwrap();
            let need = corrected(&object, plain.clone());
            assert_eq!(need.required_mib, (plain.required_mib * factor).div_ceil(100), "{placement}");
            assert_eq!(need.total_mib, plain.total_mib, "the estimate itself stays");
            let message = object.status.unwrap().calibration.unwrap().message;
            assert!(message.contains("+10 %"), "{message}");
        }
    }

    #[test]
    fn one_start_corrects_nothing() {
        let object = after_start(object(&json!({"calibration": "On"})), "a", 120);
        let plain = need(&object.spec, None).unwrap();
        assert_eq!(corrected(&object, plain.clone()), plain);
    }
}
