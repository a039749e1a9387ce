//! Writing status: only what is news, and an event when Ready is.

use super::{CallError, Events, STATUS_FIELD_MANAGER, within};
use crate::conditions::{changed_parts, types};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::fmt::Debug;

/// A status with conditions.
pub trait HasConditions {
    /// All of them.
    fn conditions(&self) -> &[Condition];
}

/// Writes statuses and the events that go with them.
#[derive(Clone)]
pub struct StatusWriter {
    client: Client,
    events: Events,
}

impl StatusWriter {
    /// Writes with this client.
    pub fn new(client: Client, events: Events) -> Self {
        Self { client, events }
    }

    /// Publishes an event that no condition stands for.
    pub async fn tell<K>(&self, object: &K, reason: &str, note: &str)
    where
        K: Resource<DynamicType = ()>,
    {
        self.events.publish(&object.object_ref(&()), false, reason, note).await;
    }

    /// Writes `after` unless it equals `before`, and publishes an event when the reason of Ready changed.
    ///
    /// The uid in the patch keeps a status from landing on an object that was deleted and made anew.
    pub async fn write<K, S>(&self, object: &K, before: Option<&S>, after: &S) -> Result<(), CallError>
    where
        K: Resource<DynamicType = (), Scope = NamespaceResourceScope> + DeserializeOwned + Clone + Debug,
        S: HasConditions + Serialize + PartialEq + Sync,
    {
        if before == Some(after) {
            return Ok(());
        }
        let (kind, name) = (K::kind(&()), object.name_any());
        let api: Api<K> = Api::namespaced(self.client.clone(), &object.namespace().unwrap_or_default());
        let patch = Patch::Apply(json!({
            "apiVersion": K::api_version(&()),
            "kind": kind,
            "metadata": {"name": name, "uid": object.uid()},
            "status": after,
        }));
        let params = PatchParams::apply(STATUS_FIELD_MANAGER).force();
        let write = api.patch_status(&name, &params, &patch);
        within(|| format!("could not write the status of {kind} {name}"), write).await?;

        let known = before.map(HasConditions::conditions).unwrap_or_default();
        let stalled = after.conditions().iter().any(|c| c.type_ == types::STALLED && c.status == "True");
        for news in changed_parts(known, after.conditions()).into_iter().filter(|c| c.type_ == types::READY) {
            self.events.publish(&object.object_ref(&()), stalled, &news.reason, &news.message).await;
        }
        Ok(())
    }
}
