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
    let live = read(client, &desired.namespace().unwrap_or_default(), &desired.name_any()).await?;
    apply_over(client, live.as_ref(), desired).await
}

/// Applies `desired` over what is there, unless that belongs to somebody else.
pub(super) async fn apply_over<K>(client: &Client, live: Option<&K>, desired: &K) -> Result<K, ApplyError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Serialize
        + DeserializeOwned
        + Clone
        + Debug,
{
    let (kind, name) = (K::kind(&()), desired.name_any());
    if live.is_some_and(|live| controller_of(live) != controller_of(desired)) {
        return Err(ApplyError::NotOurs { kind: kind.into_owned(), name });
    }
    let api: Api<K> = Api::namespaced(client.clone(), &desired.namespace().unwrap_or_default());
    let params = PatchParams::apply(FIELD_MANAGER).force();
    let patch = Patch::Apply(desired);
    Ok(within(|| format!("could not apply {kind} {name}"), api.patch(&name, &params, &patch)).await?)
}

/// The object of that name, if there is one.
pub(super) async fn read<K>(client: &Client, namespace: &str, name: &str) -> Result<Option<K>, CallError>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + Debug,
{
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
    within(|| format!("could not read {} {name}", K::kind(&())), api.get_opt(name)).await
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
    let Some(live) = read::<K>(client, namespace, name).await? else {
        return Ok(());
    };
    let api: Api<K> = Api::namespaced(client.clone(), namespace);
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
