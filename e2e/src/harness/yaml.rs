//! Objects from YAML, as a user would write them.

use super::error::{HarnessError, Result};
use kube::api::{DynamicObject, GroupVersionKind, Patch, PatchParams, PostParams, TypeMeta};
use kube::discovery::{self, ApiResource, Scope};
use kube::{Api, Client};

/// Who tests and the demo write as.
const MANAGER: &str = "flotilla-e2e";

/// The documents of a YAML text.
///
/// # Errors
/// [`HarnessError::Yaml`] with the place.
pub fn documents(yaml: &str) -> Result<Vec<DynamicObject>> {
    serde_saphyr::from_multiple(yaml).map_err(|error| HarnessError::Yaml(format!("{error}\n{yaml}")))
}

/// Server-side applies every document, namespaced ones into `namespace`; returns what the API server made of them.
///
/// # Errors
/// If a document is no object, or the API server refuses it.
pub async fn apply(client: &Client, namespace: &str, yaml: &str) -> Result<Vec<DynamicObject>> {
    let mut applied = Vec::new();
    for object in documents(yaml)? {
        let (api, name) = api_of(client, namespace, &object).await?;
        let params = PatchParams::apply(MANAGER).force();
        let result = api.patch(&name, &params, &Patch::Apply(&object)).await;
        applied.push(result.map_err(HarnessError::api(format!("apply {name}")))?);
    }
    Ok(applied)
}

/// Creates one object, or only asks whether it could be (`dry_run`): `Err` is the sentence of the API server.
///
/// # Errors
/// If the document is no object, or the API server cannot be reached.
pub async fn try_create(
    client: &Client,
    namespace: &str,
    object: &DynamicObject,
    dry_run: bool,
) -> Result<Result<DynamicObject, String>> {
    let (api, name) = api_of(client, namespace, object).await?;
    let params = PostParams { dry_run, field_manager: Some(MANAGER.to_owned()) };
    match api.create(&params, object).await {
        Ok(created) => Ok(Ok(created)),
        Err(kube::Error::Api(status)) => Ok(Err(status.message)),
        Err(error) => Err(HarnessError::api(format!("create {name}"))(error)),
    }
}

async fn api_of(
    client: &Client,
    namespace: &str,
    object: &DynamicObject,
) -> Result<(Api<DynamicObject>, String)> {
    let shown = || format!("{:?}", object.metadata.name);
    let types = object
        .types
        .as_ref()
        .ok_or_else(|| HarnessError::Yaml(format!("{} has no apiVersion and kind", shown())))?;
    let name = object.metadata.name.clone();
    let name = name.ok_or_else(|| HarnessError::Yaml(format!("a {} without a name", types.kind)))?;
    let (resource, scope) = resource_of(client, types).await?;
    let api = match scope {
        Scope::Cluster => Api::all_with(client.clone(), &resource),
        Scope::Namespaced => Api::namespaced_with(client.clone(), namespace, &resource),
    };
    Ok((api, name))
}

async fn resource_of(client: &Client, types: &TypeMeta) -> Result<(ApiResource, Scope)> {
    let kind = GroupVersionKind::try_from(types)
        .map_err(|error| HarnessError::Yaml(format!("{}: {error}", types.api_version)))?;
    let found = discovery::pinned_kind(client, &kind).await;
    let (resource, capabilities) =
        found.map_err(HarnessError::api(format!("find the kind {}", types.kind)))?;
    Ok((resource, capabilities.scope))
}
