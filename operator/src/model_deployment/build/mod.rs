//! The children of a `ModelDeployment`, as pure data.

mod affinity;
mod claim;
mod deployment;
mod engine;
mod gpus;
mod hold;
mod model;
mod service;
mod template;

pub use engine::{memory_flags, port, split_flags};
pub use template::settle_template;

use super::validate::Valid;
use crate::decide::placement::Mode;
use flotilla_crds::labels;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::resource::v1::ResourceClaimTemplate;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource as _;
use std::collections::BTreeMap;

/// Children as they should be.
#[derive(Debug)]
pub struct Prepared;

/// Children as the API server echoed them.
#[derive(Debug)]
pub struct Applied;

/// All children of one object. The marker tells prepared from applied.
#[derive(Debug)]
pub struct Children<State> {
    /// The address of the replicas.
    pub service: Service,
    /// What the replicas ask of a DRA driver, in mode DRA.
    pub claim_template: Option<ResourceClaimTemplate>,
    /// The replicas.
    pub deployment: Deployment,
    /// Prepared or applied.
    pub state: State,
}

/// Renders the full set of children for a mode; `shared_devices` says whether the cluster has devices that claims share.
pub fn build(valid: &Valid<'_>, mode: &Mode, shared_devices: bool) -> Children<Prepared> {
    Children {
        service: service::service(valid),
        claim_template: claim::claim_template(valid, mode, shared_devices),
        deployment: deployment::deployment(valid, mode),
        state: Prepared,
    }
}

/// The labels that select the pods of an object.
pub fn selector(name: &str) -> BTreeMap<String, String> {
    BTreeMap::from([(labels::MODEL_DEPLOYMENT.to_owned(), name.to_owned())])
}

fn child_labels(name: &str) -> BTreeMap<String, String> {
    let mut all = selector(name);
    all.insert(labels::MANAGED_BY.to_owned(), labels::MANAGER.to_owned());
    all.insert(labels::COMPONENT.to_owned(), "engine".to_owned());
    all
}

fn child_meta(valid: &Valid<'_>) -> ObjectMeta {
    ObjectMeta {
        name: Some(valid.name.to_owned()),
        namespace: Some(valid.namespace.to_owned()),
        labels: Some(child_labels(valid.name)),
        owner_references: valid.object.controller_owner_ref(&()).map(|owner| vec![owner]),
        ..ObjectMeta::default()
    }
}

#[cfg(test)]
mod tests;
