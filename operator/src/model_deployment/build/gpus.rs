//! What the pod asks for in each mode: resources, claims and nodes.

use super::affinity::{affinity, partitions, prefer_small};
use super::claim::{CLAIM, pod_claim};
use crate::decide::placement::Mode;
use crate::model_deployment::validate::Valid;
use flotilla_crds::labels;
use k8s_openapi::api::core::v1::{Affinity, PodResourceClaim, ResourceClaim};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// The part of a pod that brings it onto GPUs.
pub(super) struct Gpus {
    pub(super) limits: Option<BTreeMap<String, Quantity>>,
    /// Of the container.
    pub(super) claims: Option<Vec<ResourceClaim>>,
    /// Of the pod.
    pub(super) pod_claims: Option<Vec<PodResourceClaim>>,
    pub(super) affinity: Affinity,
}

pub(super) fn gpus(valid: &Valid<'_>, mode: &Mode) -> Gpus {
    let ask = valid.ask();
    let counted = |resource: String, count: u32, affinity| Gpus {
        limits: Some(BTreeMap::from([(resource, Quantity(count.to_string()))])),
        claims: None,
        pod_claims: None,
        affinity,
    };
    match mode {
        Mode::NodeLabels => counted(labels::GPU_RESOURCE.to_owned(), ask.gpus, affinity(&ask)),
        Mode::Mig { profile: None } => counted(labels::GPU_RESOURCE.to_owned(), 1, partitions(&ask, None)),
        Mode::Mig { profile: Some(profile) } => {
            counted(format!("{}{profile}", labels::MIG_RESOURCE), 1, partitions(&ask, Some(profile)))
        }
        Mode::Dra => Gpus {
            limits: None,
            claims: Some(vec![ResourceClaim { name: CLAIM.to_owned(), ..ResourceClaim::default() }]),
            pod_claims: Some(vec![pod_claim(valid)]),
            // Schedulers before 1.35 do not score a node by the alternative that it can give.
            affinity: prefer_small(&ask),
        },
    }
}
