//! Observed memory into the status, and a correction into the need: pure.

use super::dereference::Observed;
use super::need::Need;
use super::observe::{Observation, Replica};
use crate::decide::calibration::{Key, correction, learn, message};
use crate::decide::observe::Reading;
use crate::decide::sizing::Estimate;
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

/// Adds what was found of a replica to a status that does not have it.
pub fn taught(
    mut status: ModelDeploymentStatus,
    object: &ModelDeployment,
    observed: &Observed,
    need: &Need,
    replica: &Replica<'_>,
    found: &Observation,
) -> ModelDeploymentStatus {
    let Some(memory) = status.memory.as_mut().filter(|_| !found.sources.is_empty()) else {
        return status;
    };
    let Observation { reading, sources } = found;
    if replica.is_known {
        if let (Some(device), Some(known)) = (reading.device, memory.observed.as_mut()) {
            known.gpu = Some(quantity(device));
            known.sources.extend(
                sources.iter().filter(|source| !known.sources.contains(source)).copied().collect::<Vec<_>>(),
            );
        }
        return status;
    }
    memory.observed = Some(ObservedMemory {
        weights: reading.weights.map(quantity),
        kv_cache: reading.kv_cache.map(quantity),
        compute: reading.compute.map(quantity),
        kv_cache_tokens: reading.kv_cache_tokens.and_then(|tokens| i64::try_from(tokens).ok()),
        total: reading.total().map(quantity),
        gpu: reading.device.map(quantity),
        sources: sources.clone(),
        engine_version: reading.version.clone(),
        pod: replica.pod.name.clone(),
    });
    // An adapter takes its part of a pass only while it is in use, which no start shows.
    let plain = object.spec.model.adapters.is_empty();
    let Some((took, estimated)) =
        need.estimate().filter(|_| plain).and_then(|estimate| compared(reading, estimate))
    else {
        return status;
    };
    let node = replica.pod.node.as_ref().and_then(|node| observed.inventory.node(node));
    let named = |name: &Option<String>| name.clone().unwrap_or_else(|| UNKNOWN.to_owned());
    let key = Key {
        engine_version: named(&reading.version),
        architecture: named(&reading.architecture),
        gpu: node.map_or_else(|| UNKNOWN.to_owned(), |node| node.product.clone()),
    };
    let before = status.calibration.take().unwrap_or_default().corrections;
    let corrections = learn(before, key, took, estimated);
    let message = message(&corrections, is_on(object));
    status.calibration = Some(CalibrationStatus { corrections, message });
    status
}

/// What was taken and what was estimated, in bytes, where they are of the same: the engine's terms without the
/// runtime's own context, which engines do not report, else all that the GPU holds.
fn compared(reading: &Reading, estimate: &Estimate) -> Option<(u64, u64)> {
    if reading.is_complete() {
        return Some((reading.total()?, estimate.total().get().saturating_sub(estimate.runtime.get())));
    }
    // An engine that reports a part teaches nothing about the rest.
    let device = reading.device.filter(|_| reading.total().is_none())?;
    Some((device, estimate.total().get()))
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
    use crate::model_deployment::failure::PodFacts;
    use crate::model_deployment::file::Look;
    use crate::model_deployment::need::need;
    use crate::model_deployment::observe::replica;
    use flotilla_crds::model_deployment::MemorySource;
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
            claim_template: None,
            deployment: serde_json::from_value(deployment).unwrap(),
            state: Applied,
        }
    }

    /// The object after a start of pod `name` that took `percent` of what was estimated.
    fn after_start(object: ModelDeployment, name: &str, percent: u64) -> ModelDeployment {
        let need = need(&object.spec, None).unwrap();
        let estimate = need.estimate().cloned().unwrap();
        let estimated = estimate.total().get() - estimate.runtime.get();
        let reading = Reading {
            weights: Some(estimated * percent / 100),
            kv_cache: Some(0),
            compute: Some(0),
            version: Some("b1".to_owned()),
            ..Reading::default()
        };
        after(object, name, &Observation { reading, sources: vec![MemorySource::EngineLog] })
    }

    fn after(mut object: ModelDeployment, name: &str, found: &Observation) -> ModelDeployment {
        let need = need(&object.spec, None).unwrap();
        let observed =
            Observed { inventory: Arc::default(), pods: vec![pod(name)], file: Look::NONE, download: None };
        let before = object.status.clone().unwrap_or_default();
        let memory = before.memory.clone().unwrap_or_default();
        let status = ModelDeploymentStatus {
            memory: Some(memory),
            calibration: remembered(&object),
            ..ModelDeploymentStatus::default()
        };
        let replica = replica(&object, "apps", &observed, &children(1)).unwrap();
        object.status = Some(taught(status, &object, &observed, &need, &replica, found));
        object
    }

    #[test]
    fn a_start_is_asked_once_and_shown_beside_the_estimate() {
        let observed =
            Observed { inventory: Arc::default(), pods: vec![pod("a")], file: Look::NONE, download: None };
        let fresh = object(&json!({}));
        let known =
            |object: &ModelDeployment| replica(object, "apps", &observed, &children(1)).unwrap().is_known;
        assert!(
            replica(&fresh, "apps", &observed, &children(0)).is_none(),
            "an older template's replica is about"
        );
        assert!(!known(&fresh));
        let object = after_start(fresh, "a", 110);
        assert!(known(&object));
        let status = object.status.unwrap();
        let shown = status.memory.unwrap().observed.unwrap();
        assert_eq!((shown.pod.as_str(), shown.engine_version.as_deref()), ("a", Some("b1")));
        assert_eq!(shown.sources, [MemorySource::EngineLog]);
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

    fn seen_by_dcgm(mib: u64) -> Observation {
        let reading = Reading { device: Some(mib * MIB), ..Reading::default() };
        Observation { reading, sources: vec![MemorySource::Dcgm] }
    }

    #[test]
    fn what_the_gpu_holds_is_added_later_and_teaches_nothing_twice() {
        let object = after_start(object(&json!({})), "a", 110);
        let before = object.status.clone().unwrap();
        let status = after(object, "a", &seen_by_dcgm(700)).status.unwrap();
        let shown = status.memory.unwrap().observed.unwrap();
        assert_eq!(shown.gpu, Some(quantity(700 * MIB)));
        assert_eq!(shown.sources, [MemorySource::EngineLog, MemorySource::Dcgm]);
        assert_eq!(shown.total, before.memory.unwrap().observed.unwrap().total);
        assert_eq!(status.calibration.unwrap().corrections, before.calibration.unwrap().corrections);
    }

    #[test]
    fn an_engine_that_says_nothing_is_compared_by_its_gpu() {
        let object = object(&json!({}));
        let estimated = need(&object.spec, None).unwrap().estimate().unwrap().total().mib();
        let status = after(object, "a", &seen_by_dcgm(2 * estimated)).status.unwrap();
        assert_eq!(status.memory.unwrap().observed.unwrap().total, None, "no term was reported");
        let learnt = &status.calibration.unwrap().corrections[0];
        assert!(learnt.ratio.starts_with("2.0") || learnt.ratio.starts_with("1.99"), "{learnt:?}");
    }

    #[test]
    fn a_part_of_the_terms_is_shown_and_teaches_nothing() {
        let reading = Reading { kv_cache_tokens: Some(4096), kv_cache: Some(MIB), ..Reading::default() };
        let found = Observation { reading, sources: vec![MemorySource::EngineMetrics] };
        let status = after(object(&json!({})), "a", &found).status.unwrap();
        let shown = status.memory.unwrap().observed.unwrap();
        assert_eq!((shown.kv_cache_tokens, shown.total), (Some(4096), Some(quantity(MIB))));
        assert!(status.calibration.is_none());
        let object = object(&json!({}));
        assert_eq!(
            after(object, "a", &Observation::default()).status.unwrap().memory.unwrap().observed,
            None
        );
    }
}
