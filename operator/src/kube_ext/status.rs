//! Writing status: only what is news, and an event when Ready is.

use super::written::Written;
use super::{CallError, Events, STATUS_FIELD_MANAGER, within};
use crate::conditions::{changed_parts, types};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::api::{Patch, PatchParams};
use kube::core::object::HasStatus;
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::json;
use std::borrow::Cow;
use std::fmt::Debug;
use std::hash::{BuildHasher as _, BuildHasherDefault, DefaultHasher};
use std::time::Instant;

/// What the event of a condition calls what was done. Each sentence is an action of its own: a state that comes again with
/// other words is another event, and one that comes and goes in the same words is one series.
fn action(sentence: &str) -> String {
    format!("Reconcile{:016x}", BuildHasherDefault::<DefaultHasher>::default().hash_one(sentence))
}

/// A status with conditions.
pub trait HasConditions {
    /// All of them.
    fn conditions(&self) -> &[Condition];
}

/// Writes the statuses of one kind of object and the events that go with them.
pub struct StatusWriter<K: HasStatus> {
    client: Client,
    events: Events,
    written: Written<K::Status>,
}

impl<K: HasStatus> StatusWriter<K> {
    /// Writes with this client.
    pub fn new(client: Client, events: Events) -> Self {
        Self { client, events, written: Written::default() }
    }
}

impl<K> StatusWriter<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + HasStatus<Status: HasConditions + Serialize + PartialEq + Clone + Sync>
        + DeserializeOwned
        + Clone
        + Debug,
{
    /// The object with the status that was last written to it, where the cache does not have that yet.
    ///
    /// Whoever computes a status from the one before starts from this: what was learned a moment ago would be lost
    /// otherwise.
    pub fn newest<'a>(&self, object: &'a K) -> Cow<'a, K> {
        match self.written.newer_than(object.meta()) {
            None => Cow::Borrowed(object),
            Some(status) => {
                let mut object = object.clone();
                *object.status_mut() = Some(status);
                Cow::Owned(object)
            }
        }
    }

    /// Publishes an event that no condition stands for. What is told again with the same `action` is no second event.
    pub async fn tell(&self, object: &K, action: &str, reason: &str, note: &str) {
        self.events.publish(&object.object_ref(&()), false, (action, reason), note).await;
    }

    /// Writes `after` unless it equals `before`, and publishes an event when the reason of Ready changed.
    ///
    /// The uid in the patch keeps a status from landing on an object that was deleted and made anew.
    pub async fn write(
        &self,
        object: &K,
        before: Option<&K::Status>,
        after: &K::Status,
    ) -> Result<(), CallError> {
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
        let echo = within(|| format!("could not write the status of {kind} {name}"), write).await?;
        self.written.keep(&echo, Instant::now());

        let known = before.map(HasConditions::conditions).unwrap_or_default();
        let stalled = after.conditions().iter().any(|c| c.type_ == types::STALLED && c.status == "True");
        for news in changed_parts(known, after.conditions()).into_iter().filter(|c| c.type_ == types::READY) {
            let (action, regarding) = (action(&news.message), object.object_ref(&()));
            self.events.publish(&regarding, stalled, (&action, &news.reason), &news.message).await;
        }
        Ok(())
    }
}
