//! Server-side apply of children that belong to one owner.

use super::{CallError, FIELD_MANAGER, within};
use k8s_openapi::NamespaceResourceScope;
use kube::api::{DeleteParams, Patch, PatchParams, Preconditions};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::fmt::Debug;

/// Why a child is not as it should be.
#[derive(Debug, thiserror::Error)]
pub enum ApplyError {
    /// The call failed; worth another try.
    #[error(transparent)]
    Call(#[from] CallError),
    /// An object of that name is there and is not ours; somebody has to rename one of them.
    #[error("{kind} {name} exists and is not controlled by this object: delete it or choose another name")]
    NotOurs {
        /// The child's kind.
        kind: String,
        /// The child's name.
        name: String,
    },
}

/// The uid of the object that controls this one.
pub fn controller_of<K: Resource>(object: &K) -> Option<&str> {
    let owners = object.meta().owner_references.as_deref().unwrap_or_default();
    owners.iter().find(|owner| owner.controller == Some(true)).map(|owner| owner.uid.as_str())
}

/// Applies `desired`, unless an object of that name belongs to somebody else. Returns what the API server echoed.
pub async fn apply<K>(client: &Client, desired: &K) -> Result<K, ApplyError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Serialize
        + DeserializeOwned
        + Clone
        + Debug,
{
    ours(client, desired).await?;
    let (kind, name) = (K::kind(&()), desired.name_any());
    let api: Api<K> = Api::namespaced(client.clone(), &desired.namespace().unwrap_or_default());
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(desired);
    Ok(within(|| format!("could not apply {kind} {name}"), api.patch(&name, &params, &patch)).await?)
}

/// Applies `desired` unless an object of that name is there already: for kinds whose spec cannot change.
pub async fn create_once<K>(client: &Client, desired: &K) -> Result<K, ApplyError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Serialize
        + DeserializeOwned
        + Clone
        + Debug,
{
    match ours(client, desired).await? {
        Some(live) => Ok(live),
        None => apply(client, desired).await,
    }
}

/// The live object of that name, unless it belongs to somebody else.
async fn ours<K>(client: &Client, desired: &K) -> Result<Option<K>, ApplyError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + Debug,
{
    let (kind, name) = (K::kind(&()).into_owned(), desired.name_any());
    let api: Api<K> = Api::namespaced(client.clone(), &desired.namespace().unwrap_or_default());
    let live = within(|| format!("could not read {kind} {name}"), api.get_opt(&name)).await?;
    if live.as_ref().is_some_and(|live| controller_of(live) != controller_of(desired)) {
        return Err(ApplyError::NotOurs { kind, name });
    }
    Ok(live)
}

/// Deletes `name` if `owner_uid` controls it. Nothing there is as good as deleted.
pub async fn delete_if_ours<K>(
    client: &Client,
    namespace: &str,
    name: &str,
    owner_uid: &str,
) -> Result<(), CallError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + Debug,
{
    let kind = K::kind(&());
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    let Some(live) = within(|| format!("could not read {kind} {name}"), api.get_opt(name)).await? else {
        return Ok(());
    };
    if controller_of(&live) != Some(owner_uid) {
        return Ok(());
    }
    let preconditions = Preconditions { uid: live.uid(), resource_version: None };
    let params = DeleteParams::background().preconditions(preconditions);
    match within(|| format!("could not delete {kind} {name}"), api.delete(name, &params)).await {
        Err(error) if !error.is_not_found() => Err(error),
        _ => Ok(()),
    }
}
