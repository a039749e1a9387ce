//! Compiles all policies whenever something they are made of changes, and publishes the catalog.

use super::{Catalog, ClientKeys, Entry, FleetBackend, Keys, SecretState, Secrets, Stores, Trigger, Verdict};
use crate::internal_hosts::InternalHosts;
use crate::routing_policy::ObjectKey;
use crate::routing_policy::compile::{Lookup, compile};
use crate::routing_policy::conflict::conflicts;
use crate::scaling::Board;
use flotilla_crds::RoutingPolicy;
use flotilla_crds::router_config::Endpoint;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};

/// How long the first catalog waits for the Secrets that policies name. A router that connects to a restarted
/// operator keeps what it has until then, instead of losing a backend whose key was not read yet.
const FIRST_SECRETS: Duration = Duration::from_secs(5);

/// Changes within this time are taken in together: a thousand replicas that start or go are a thousand changes, and each
/// refresh looks at all of them.
const COALESCE: Duration = Duration::from_millis(50);

/// The catalog as others see it; none before the first is complete.
pub type CatalogReceiver = watch::Receiver<Option<Arc<Catalog>>>;

/// Owns the catalog.
pub struct Index {
    stores: Arc<Stores>,
    board: Arc<Board>,
    secrets: Secrets,
    client_keys: ClientKeys,
    internal_hosts: InternalHosts,
    dirty: Arc<Notify>,
    catalog: watch::Sender<Option<Arc<Catalog>>>,
    triggers: Trigger<kube::core::DeserializeGuard<RoutingPolicy>>,
}

impl Index {
    /// An index that recompiles when `dirty` is notified and has each changed policy reconciled.
    pub fn new(
        stores: Arc<Stores>,
        board: Arc<Board>,
        secrets: Secrets,
        client_keys: ClientKeys,
        internal_hosts: InternalHosts,
        dirty: Arc<Notify>,
        triggers: Trigger<kube::core::DeserializeGuard<RoutingPolicy>>,
    ) -> (Self, CatalogReceiver) {
        let (catalog, receiver) = watch::channel(None);
        (Self { stores, board, secrets, client_keys, internal_hosts, dirty, catalog, triggers }, receiver)
    }

    /// Runs until it is dropped. The caches must be complete.
    pub async fn run(mut self) {
        let first = async {
            while self.watch_secrets() {
                self.dirty.notified().await;
            }
        };
        let _ = tokio::time::timeout(FIRST_SECRETS, first).await;
        loop {
            let changed = self.refresh();
            for key in changed {
                self.triggers.send(&key.namespace, &key.name).await;
            }
            self.dirty.notified().await;
            tokio::time::sleep(COALESCE).await;
        }
    }

    /// Watches the Secrets that policies name and those of their clients; true while one of them was not read yet.
    fn watch_secrets(&mut self) -> bool {
        let policies = self.stores.policies();
        let wanted = named_secrets(&policies);
        self.secrets.watch_only(&wanted);
        let with_clients = policies.iter().filter(|policy| policy.spec.client_keys.is_some());
        let with_clients = with_clients.map(|policy| ObjectKey::of(policy.as_ref())).collect();
        let loading = self.client_keys.watch_only(&with_clients);
        loading || wanted.iter().any(|key| self.secrets.get(key) == SecretState::Loading)
    }

    fn refresh(&mut self) -> Vec<ObjectKey> {
        self.watch_secrets();
        let policies = self.stores.policies();
        let endpoints = self.stores.endpoints();
        let mut lost = conflicts(&policies);
        let alive = policies.iter().filter(|p| p.metadata.deletion_timestamp.is_none());
        let entries = alive.map(|policy| {
            let key = ObjectKey::of(policy.as_ref());
            let verdict = match lost.remove(&key) {
                Some(conflict) => Verdict::Conflicted(conflict),
                None => Verdict::Compiled(Box::new(compile(
                    policy,
                    &View { index: self, namespace: &key.namespace, endpoints: &endpoints },
                ))),
            };
            Entry {
                generation: policy.metadata.generation,
                selector: policy.spec.attach.as_ref().map(|attach| attach.selector.clone()),
                gateway: policy.spec.gateway.is_some(),
                verdict,
                key,
            }
        });
        let before = self.catalog.borrow().clone();
        let (catalog, changed) =
            Catalog::build(entries.collect(), before.as_deref().unwrap_or(&Catalog::default()));
        if before.is_none() || !changed.is_empty() {
            self.catalog.send_replace(Some(Arc::new(catalog)));
        }
        changed
    }
}

fn named_secrets(policies: &[Arc<RoutingPolicy>]) -> BTreeSet<ObjectKey> {
    let of = |policy: &Arc<RoutingPolicy>| {
        let namespace = policy.metadata.namespace.clone().unwrap_or_default();
        let references =
            policy.spec.backends.iter().filter_map(|b| b.external.as_ref()?.credentials_ref.as_ref());
        let key = |name: &String| ObjectKey { namespace: namespace.clone(), name: name.clone() };
        references.map(|reference| key(&reference.name)).collect::<Vec<_>>()
    };
    policies.iter().flat_map(of).collect()
}

/// What one policy sees: its own namespace.
struct View<'a> {
    index: &'a Index,
    namespace: &'a str,
    endpoints: &'a BTreeMap<ObjectKey, Vec<Endpoint>>,
}

impl View<'_> {
    fn key(&self, name: &str) -> ObjectKey {
        ObjectKey { namespace: self.namespace.to_owned(), name: name.to_owned() }
    }
}

impl Lookup for View<'_> {
    fn fleet(&self, name: &str) -> Option<FleetBackend> {
        self.index.stores.fleet_backend(&self.key(name), self.endpoints, &self.index.board)
    }

    fn secret(&self, name: &str) -> SecretState {
        self.index.secrets.get(&self.key(name))
    }

    fn client_keys(&self, policy: &str) -> Keys {
        self.index.client_keys.get(&self.key(policy)).unwrap_or_default()
    }

    fn client_keys_loading(&self, policy: &str) -> bool {
        self.index.client_keys.get(&self.key(policy)).is_none()
    }

    fn internal_hosts(&self) -> &InternalHosts {
        &self.index.internal_hosts
    }
}
