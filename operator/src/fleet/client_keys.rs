//! Watches the Secrets that hold the keys of policies' clients, one watch for each policy that asks for keys.

use crate::routing_policy::ObjectKey;
use flotilla_crds::labels;
use flotilla_crds::router_config::Secret as Value;
use futures::StreamExt as _;
use k8s_openapi::api::core::v1::Secret;
use kube::runtime::{WatchStreamExt as _, watcher};
use kube::{Api, Client, ResourceExt as _};
use parking_lot::RwLock;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use tokio::sync::Notify;
use tokio_util::task::AbortOnDropHandle;

/// The keys of clients, by the names of their Secrets.
pub type Keys = Arc<BTreeMap<String, Value>>;

/// The data key that holds a client's key.
const API_KEY: &str = "apiKey";

/// The keys of all policies' clients.
pub struct ClientKeys {
    client: Client,
    /// By policy; none while its watch has not answered.
    known: Arc<RwLock<BTreeMap<ObjectKey, Keys>>>,
    watches: BTreeMap<ObjectKey, AbortOnDropHandle<()>>,
    changed: Arc<Notify>,
}

impl ClientKeys {
    /// Knows nothing yet. `changed` is notified when any key changes.
    pub fn new(client: Client, changed: Arc<Notify>) -> Self {
        Self { client, known: Arc::default(), watches: BTreeMap::new(), changed }
    }

    /// Watches the Secrets of these policies and of no others; true while one of them has not been answered.
    pub fn watch_only(&mut self, policies: &BTreeSet<ObjectKey>) -> bool {
        self.watches.retain(|policy, _| policies.contains(policy));
        self.known.write().retain(|policy, _| policies.contains(policy));
        for policy in policies {
            if !self.watches.contains_key(policy) {
                let watch =
                    watch(self.client.clone(), policy.clone(), self.known.clone(), self.changed.clone());
                self.watches.insert(policy.clone(), AbortOnDropHandle::new(tokio::spawn(watch)));
            }
        }
        let known = self.known.read();
        policies.iter().any(|policy| !known.contains_key(policy))
    }

    /// The keys of one policy's clients; none while they are being read.
    pub fn get(&self, policy: &ObjectKey) -> Option<Keys> {
        self.known.read().get(policy).cloned()
    }
}

async fn watch(
    client: Client,
    policy: ObjectKey,
    known: Arc<RwLock<BTreeMap<ObjectKey, Keys>>>,
    changed: Arc<Notify>,
) {
    let api: Api<Secret> = Api::namespaced(client, &policy.namespace);
    let config = watcher::Config::default().labels(&format!("{}={}", labels::CLIENT_OF, policy.name));
    let mut events = watcher(api, config).default_backoff().boxed();
    let mut present: BTreeMap<String, Value> = BTreeMap::new();
    let mut listed = BTreeMap::new();
    while let Some(event) = events.next().await {
        match event {
            Ok(watcher::Event::Init) => {
                listed.clear();
                continue;
            }
            Ok(watcher::Event::InitApply(secret)) => {
                listed.extend(key_of(&secret));
                continue;
            }
            Ok(watcher::Event::InitDone) => present = std::mem::take(&mut listed),
            Ok(watcher::Event::Apply(secret)) => {
                present.remove(&secret.name_any());
                present.extend(key_of(&secret));
            }
            Ok(watcher::Event::Delete(secret)) => drop(present.remove(&secret.name_any())),
            Err(error) => {
                tracing::warn!(%policy, %error, "the watch of clients' keys failed; the last ones are kept");
                continue;
            }
        }
        let before = known.write().insert(policy.clone(), Arc::new(present.clone()));
        if before.is_none_or(|before| *before != present) {
            changed.notify_one();
        }
    }
}

/// The client's name and key. A Secret without a key that clients can send is left out.
fn key_of(secret: &Secret) -> Option<(String, Value)> {
    let key = secret.data.as_ref()?.get(API_KEY)?;
    let key = std::str::from_utf8(&key.0).ok()?.trim();
    let sendable = !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic());
    if !sendable {
        tracing::warn!(
            secret = secret.name_any(),
            "the key in a client's Secret is empty or not printable ASCII"
        );
        return None;
    }
    Some((secret.name_any(), Value::new(key)))
}
