//! Applies children of one kind, and leaves alone those that are as they were left.

use super::apply::{apply_over, controller_of, read};
use super::version::version;
use super::{ApplyError, CallError};
use crate::fleet::Stores;
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use k8s_openapi::api::resource::v1::ResourceClaimTemplate;
use kube::runtime::reflector::{ObjectRef, Store};
use kube::{Client, Resource, ResourceExt as _};
use parking_lot::Mutex;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::Value;
use std::collections::HashMap;
use std::fmt::Debug;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

/// Written by the Deployment controller, on each roll-out.
const REVISION: &str = "deployment.kubernetes.io/revision";
/// So many objects are remembered beyond twice those of the cache before those that are gone are forgotten.
const SLACK: usize = 64;

/// Applies objects of one kind.
///
/// A server-side apply that changes nothing still costs the API server a merge of all fields. So what was sent is
/// remembered, and sent again only where it is something else by now, or where somebody changed the object since.
pub struct Applier<K: Resource<DynamicType = ()> + 'static> {
    client: Client,
    cache: Store<K>,
    sent: Mutex<HashMap<ObjectRef<K>, Sent<K>>>,
}

/// What was sent last for one object.
struct Sent<K> {
    wanted: u64,
    /// Of the object as the API server answered, without what changes by itself.
    left: u64,
    /// That object, until the cache has it.
    echo: Option<Arc<K>>,
}

impl<K> Applier<K>
where
    K: Resource<DynamicType = (), Scope = NamespaceResourceScope>
        + Serialize
        + DeserializeOwned
        + Clone
        + Debug
        + 'static,
{
    /// Reads from `cache`, which may be empty or behind: what it lacks is asked for.
    pub fn new(client: Client, cache: Store<K>) -> Self {
        Self { client, cache, sent: Mutex::default() }
    }

    /// The newest that is known of an object: of the cache, of what was written here, or of the API server.
    ///
    /// # Errors
    /// The object is in no cache, and the API server could not be asked.
    pub async fn live(&self, namespace: &str, name: &str) -> Result<Option<Arc<K>>, CallError> {
        let key = ObjectRef::new(name).within(namespace);
        if let Some(cached) = self.cache.get(&key) {
            return Ok(Some(self.newer_than(&key, &cached).unwrap_or(cached)));
        }
        // It was just made, or it is gone: only the API server knows.
        Ok(read(&self.client, namespace, name).await?.map(Arc::new))
    }

    /// Applies `desired` over `live`, unless nothing would change; refuses where that belongs to somebody else.
    ///
    /// # Errors
    /// It is somebody else's, or the call failed.
    pub async fn apply_over(&self, live: Option<Arc<K>>, desired: &K) -> Result<Arc<K>, ApplyError> {
        let key = ObjectRef::from_obj(desired);
        let wanted = hash(&to_value(desired));
        if let Some(live) = &live
            && controller_of(live.as_ref()) == controller_of(desired)
            && self.is_as_left(&key, wanted, live)
        {
            return Ok(live.clone());
        }
        let echo = Arc::new(apply_over(&self.client, live.as_deref(), desired).await?);
        self.keep(key, Sent { wanted, left: settled(&echo), echo: Some(echo.clone()) });
        Ok(echo)
    }

    /// Applies `desired` over whatever is there.
    ///
    /// # Errors
    /// What is there is somebody else's, or a call failed.
    pub async fn apply(&self, desired: &K) -> Result<Arc<K>, ApplyError> {
        let live = self.live(&desired.namespace().unwrap_or_default(), &desired.name_any()).await?;
        self.apply_over(live, desired).await
    }

    /// What was written after the cache read the object.
    fn newer_than(&self, key: &ObjectRef<K>, cached: &K) -> Option<Arc<K>> {
        let mut sent = self.sent.lock();
        let echo = &mut sent.get_mut(key)?.echo;
        *echo = echo.take().filter(|echo| is_newer(echo.as_ref(), cached));
        echo.clone()
    }

    /// Applies `desired` unless there is such an object: for kinds whose spec cannot change.
    ///
    /// # Errors
    /// What is there is somebody else's, or a call failed.
    pub async fn create_once(&self, desired: &K) -> Result<Arc<K>, ApplyError> {
        match self.live(&desired.namespace().unwrap_or_default(), &desired.name_any()).await? {
            Some(live) if controller_of(live.as_ref()) == controller_of(desired) => Ok(live),
            live => self.apply_over(live, desired).await,
        }
    }

    fn is_as_left(&self, key: &ObjectRef<K>, wanted: u64, live: &K) -> bool {
        let left = self.sent.lock().get(key).filter(|sent| sent.wanted == wanted).map(|sent| sent.left);
        left.is_some_and(|left| left == settled(live))
    }

    fn keep(&self, key: ObjectRef<K>, now: Sent<K>) {
        let mut sent = self.sent.lock();
        sent.insert(key, now);
        if sent.len() > 2 * self.cache.len() + SLACK {
            sent.retain(|key, _| self.cache.get(key).is_some());
        }
    }
}

/// One for each kind of child that has a cache.
pub struct Appliers {
    /// Addresses of replicas and gateways.
    pub services: Applier<Service>,
    /// What replicas ask of a DRA driver.
    pub claim_templates: Applier<ResourceClaimTemplate>,
    /// Replicas and gateways.
    pub deployments: Applier<Deployment>,
}

impl Appliers {
    /// Over these caches.
    pub fn new(client: &Client, stores: &Stores) -> Self {
        Self {
            services: Applier::new(client.clone(), stores.services.clone()),
            claim_templates: Applier::new(client.clone(), stores.claim_templates.clone()),
            deployments: Applier::new(client.clone(), stores.deployments.clone()),
        }
    }
}

/// One that was made anew is another object.
fn is_newer<K: Resource>(a: &K, b: &K) -> bool {
    a.meta().uid == b.meta().uid && version(a.meta()) > version(b.meta())
}

/// A hash of all that nobody but its owner has to change.
fn settled<K: Serialize>(object: &K) -> u64 {
    let mut object = to_value(object);
    if let Some(fields) = object.as_object_mut() {
        fields.remove("status");
    }
    if let Some(metadata) = object.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata
            .retain(|name, _| !matches!(name.as_str(), "resourceVersion" | "managedFields" | "generation"));
        if let Some(annotations) = metadata.get_mut("annotations").and_then(Value::as_object_mut) {
            annotations.remove(REVISION);
            if annotations.is_empty() {
                metadata.remove("annotations");
            }
        }
    }
    hash(&object)
}

/// Kubernetes objects are trees of named fields; one that could not be written as JSON could not be sent either.
fn to_value<K: Serialize>(object: &K) -> Value {
    serde_json::to_value(object).unwrap_or_default()
}

fn hash(value: &Value) -> u64 {
    let mut hasher = DefaultHasher::new();
    value.hash(&mut hasher);
    hasher.finish()
}
