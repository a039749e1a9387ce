//! Applies the children in a fixed order, the workload last.

use super::build::{Applied, Children, Prepared, settle_template};
use crate::kube_ext::{ApplyError, apply, within};
use k8s_openapi::api::apps::v1::Deployment;
use kube::{Api, Client, ResourceExt as _};

/// Applies every child. Destructuring without `..` makes a forgotten one a compile error.
pub async fn apply_children(
    client: &Client,
    prepared: Children<Prepared>,
) -> Result<Children<Applied>, ApplyError> {
    let Children { service, mut deployment, state: Prepared } = prepared;
    let api: Api<Deployment> = Api::namespaced(client.clone(), &deployment.namespace().unwrap_or_default());
    let name = deployment.name_any();
    let live = within(|| format!("could not read Deployment {name}"), api.get_opt(&name)).await?;
    settle_template(&mut deployment, live.as_ref());
    let service = apply(client, &service).await?;
    let deployment = apply(client, &deployment).await?;
    Ok(Children { service, deployment, state: Applied })
}
