//! Watches exactly the Secrets that policies name, one watch each: no list of all Secrets, no cache of any other.

use crate::routing_policy::ObjectKey;
use flotilla_crds::router_config::Secret as Value;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client};
use parking_lot::RwLock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

/// What is known of a Secret.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SecretState {
    /// Its watch has not answered yet.
    Loading,
    /// There is none.
    Missing,
    /// Its data, by key; values that are not UTF-8 are left out.
    Present(Arc<BTreeMap<String, Value>>),
}

/// The Secrets that policies name.
pub struct Secrets {
    client: Client,
    states: Arc<RwLock<BTreeMap<ObjectKey, SecretState>>>,
    watches: BTreeMap<ObjectKey, AbortOnDropHandle<()>>,
    changed: Arc<Notify>,
}

impl Secrets {
    /// Knows nothing yet. `changed` is notified when any state changes.
    pub fn new(client: Client, changed: Arc<Notify>) -> Self {
        Self { client, states: Arc::default(), watches: BTreeMap::new(), changed }
    }

    /// Watches these and no others.
    pub fn watch_only(&mut self, wanted: &BTreeSet<ObjectKey>) {
        self.watches.retain(|key, _| wanted.contains(key));
        self.states.write().retain(|key, _| wanted.contains(key));
        for key in wanted.iter().filter(|key| !self.watches.contains_key(*key)).cloned().collect::<Vec<_>>() {
            self.states.write().insert(key.clone(), SecretState::Loading);
            let watch = watch(self.client.clone(), key.clone(), self.states.clone(), self.changed.clone());
            self.watches.insert(key, AbortOnDropHandle::new(tokio::spawn(watch)));
        }
    }

    /// What is known of one.
    pub fn get(&self, key: &ObjectKey) -> SecretState {
        self.states.read().get(key).cloned().unwrap_or(SecretState::Loading)
    }
}

async fn watch(
    client: Client,
    key: ObjectKey,
    states: Arc<RwLock<BTreeMap<ObjectKey, SecretState>>>,
    changed: Arc<Notify>,
) {
    let api: Api<Secret> = Api::namespaced(client, &key.namespace);
    let config = watcher::Config::default().fields(&format!("metadata.name={}", key.name));
    let mut events = watcher(api, config).default_backoff().boxed();
    // A relist begins with Init and ends with InitDone; an object that is gone by then is not between them.
    let mut listed = None;
    while let Some(event) = events.next().await {
        let state = match event {
            Ok(watcher::Event::Init) => {
                listed = None;
                continue;
            }
            Ok(watcher::Event::InitApply(secret)) => {
                listed = Some(present(&secret));
                continue;
            }
            Ok(watcher::Event::InitDone) => listed.take().unwrap_or(SecretState::Missing),
            Ok(watcher::Event::Apply(secret)) => present(&secret),
            Ok(watcher::Event::Delete(_)) => SecretState::Missing,
            Err(error) => {
                tracing::warn!(secret = %key, %error, "the watch of a Secret failed; its last state is kept");
                continue;
            }
        };
        let known = states.write().insert(key.clone(), state.clone());
        if known.as_ref() != Some(&state) {
            changed.notify_one();
        }
    }
}

fn present(secret: &Secret) -> SecretState {
    let data = secret.data.iter().flatten();
    let values = data
        .filter_map(|(key, value)| Some((key.clone(), Value::new(String::from_utf8(value.0.clone()).ok()?))));
    SecretState::Present(Arc::new(values.collect()))
}
