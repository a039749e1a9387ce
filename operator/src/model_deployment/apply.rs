//! Applies the children in a fixed order, the workload last.

use super::build::{Applied, Children, Prepared, settle_template};
use super::drain::Drain;
use super::observe::is_rolled_out;
use crate::fleet::Stores;
use crate::kube_ext::{Appliers, ApplyError, CallError, delete_if_ours};
use crate::routing_policy::ObjectKey;
use flotilla_crds::{ModelDeployment, labels};
use k8s_openapi::api::resource::v1::ResourceClaimTemplate;
use kube::{Client, ResourceExt};
use std::sync::Arc;

/// Applies every child; fewer replicas only when routers have left those that go. Destructuring without `..` makes a forgotten one a compile error.
pub async fn apply_children(
    client: &Client,
    appliers: &Appliers,
    prepared: Children<Prepared>,
    drain: &Drain<'_>,
) -> Result<Children<Applied>, ApplyError> {
    let Children { service, claim_template, mut deployment, state: Prepared } = prepared;
    let Appliers { services, claim_templates, deployments } = appliers;
    let namespace = deployment.namespace().unwrap_or_default();
    let live = deployments.live(&namespace, &deployment.name_any()).await?;
    settle_template(&mut deployment, live.as_deref());
    if let Some(spec) = &mut deployment.spec {
        let wanted = spec.replicas.unwrap_or(0);
        spec.replicas = Some(drain.replicas(client, wanted, live.as_deref()).await?);
    }
    let service = services.apply(&service).await?;
    let claim_template = match claim_template {
        Some(template) => Some(claim_templates.create_once(&template).await?),
        None => None,
    };
    let deployment = deployments.apply_over(live, &deployment).await?;
    Ok(Children {
        service: Arc::unwrap_or_clone(service),
        claim_template: claim_template.map(Arc::unwrap_or_clone),
        deployment: Arc::unwrap_or_clone(deployment),
        state: Applied,
    })
}

/// Deletes the claim templates of earlier pods, once all pods are of the present template: until then one of the others
/// may have to be made anew.
pub async fn sweep(
    client: &Client,
    stores: &Stores,
    object: &ModelDeployment,
    children: &Children<Applied>,
) -> Result<(), CallError> {
    if !is_rolled_out(&children.deployment) {
        return Ok(());
    }
    let ObjectKey { namespace, name } = ObjectKey::of(object);
    let used = children.claim_template.as_ref().map(ResourceExt::name_any);
    for template in stores.claim_templates.state() {
        let of_object = template.labels().get(labels::MODEL_DEPLOYMENT) == Some(&name)
            && template.namespace().as_ref() == Some(&namespace);
        if of_object && used.as_ref() != Some(&template.name_any()) {
            let uid = object.metadata.uid.as_deref().unwrap_or_default();
            delete_if_ours::<ResourceClaimTemplate>(client, &namespace, &template.name_any(), uid).await?;
        }
    }
    Ok(())
}
