//! Keeps the inventory up to date, and has those models reconciled for which it says something new.

use super::compared::Compared;
use crate::conditions::types;
use crate::decide::placement::{Inventory, stock};
use crate::fleet::{Devices, GpuPods, Publisher, Stores, Trigger};
use crate::metrics::Metrics;
use crate::model_deployment::{News, news};
use crate::routing_policy::ObjectKey;
use flotilla_crds::{ModelDeployment, labels};
use kube::ResourceExt as _;
use kube::core::DeserializeGuard;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::Instant;

/// Changes within this time are taken in together: a node that joins comes in a dozen events.
const COALESCE: Duration = Duration::from_millis(500);
/// Between two looks at the models where nothing is heard: statuses may have been written by an older inventory, and how
/// many models cannot be placed is counted from them.
const LOOK_EVERY: Duration = Duration::from_secs(30);
/// Counts in the status that decide nothing are brought up to date no more often than this: otherwise every pod that
/// starts anywhere would rewrite the status of every model. As often the inventory is made anew though nothing was
/// heard.
const COUNTS_EVERY: Duration = Duration::from_mins(5);
/// How long the first inventory waits for pods and devices. Without them all GPUs are taken for free, and claims for none.
const USE_DEADLINE: Duration = Duration::from_secs(30);
/// Models between two pauses, in which other tasks of this thread have their turn.
const AT_A_TIME: usize = 64;

/// What the watches have to say to the task that keeps the inventory.
#[derive(Debug, Default)]
pub(super) struct Sources {
    /// Something changed.
    pub(super) changed: Notify,
    /// The nodes are complete.
    pub(super) nodes: AtomicBool,
    /// The pods are complete.
    pub(super) pods: AtomicBool,
    /// The devices are complete, or the API server has none.
    pub(super) devices: AtomicBool,
}

impl Sources {
    /// A first list is complete.
    pub(super) fn complete(&self, source: &AtomicBool) {
        source.store(true, Ordering::Release);
        self.changed.notify_one();
    }
}

/// What the task works with.
pub(super) struct Keeper {
    pub(super) sources: Arc<Sources>,
    pub(super) stores: Arc<Stores>,
    pub(super) gpu_pods: Arc<GpuPods>,
    pub(super) devices: Arc<Devices>,
    pub(super) publisher: Publisher,
    pub(super) models: Trigger<DeserializeGuard<ModelDeployment>>,
    pub(super) metrics: Metrics,
}

impl Keeper {
    /// Runs until it is dropped.
    pub(super) async fn run(self) -> anyhow::Result<()> {
        self.first_lists().await;
        let mut known = Arc::new(Inventory::default());
        let (mut compared, mut counted, mut heard) = (Compared::default(), Instant::now(), true);
        loop {
            let counts = counted.elapsed() >= COUNTS_EVERY;
            if counts {
                counted = Instant::now();
            }
            if heard || counts {
                known = self.publish(known);
            }
            self.tell(&known, &mut compared, counts).await;
            heard = tokio::time::timeout(LOOK_EVERY, self.sources.changed.notified()).await.is_ok();
            tokio::time::sleep(COALESCE).await;
        }
    }

    /// Publishes the inventory that there is, if it is another one than `known`.
    fn publish(&self, known: Arc<Inventory>) -> Arc<Inventory> {
        let awaits_devices = !self.sources.devices.load(Ordering::Acquire);
        let present = self.stores.inventory(&self.gpu_pods.usage(), self.devices.known());
        let present = present.awaiting_devices(awaits_devices);
        let first = self.publisher.borrow().is_none();
        if !first && present == *known {
            return known;
        }
        let present = Arc::new(present);
        self.publisher.send_replace(Some(present.clone()));
        self.metrics.gpus(&stock(&present));
        present
    }

    async fn first_lists(&self) {
        let complete = |source: &AtomicBool| source.load(Ordering::Acquire);
        while !complete(&self.sources.nodes) {
            self.sources.changed.notified().await;
        }
        let others = async {
            while !(complete(&self.sources.pods) && complete(&self.sources.devices)) {
                self.sources.changed.notified().await;
            }
        };
        if tokio::time::timeout(USE_DEADLINE, others).await.is_err() {
            tracing::warn!(
                "not all pods with GPUs and devices are known yet; until they are, GPUs count as free that may be in use"
            );
        }
    }

    /// Has every model reconciled whose status says otherwise than the inventory.
    async fn tell(&self, inventory: &Arc<Inventory>, compared: &mut Compared, counts: bool) {
        let placed = self.placed();
        compared.begin(inventory);
        let mut unplaced: BTreeMap<String, i64> = BTreeMap::new();
        for (index, guard) in self.stores.model_deployments.state().into_iter().enumerate() {
            if index % AT_A_TIME == AT_A_TIME - 1 {
                tokio::task::yield_now().await;
            }
            let Ok(object) = &guard.0 else { continue };
            if let Some(reason) = unplaceable(object) {
                *unplaced.entry(reason.to_owned()).or_default() += 1;
            }
            let key = ObjectKey::of(object);
            let placed = placed.get(&key).copied().unwrap_or(0);
            let news = compared.news(&key, object, placed, || news(object, placed, inventory));
            if news == News::Verdict || (news == News::Counts && counts) {
                self.models.send(&key.namespace, &key.name).await;
            }
        }
        self.metrics.unplaced(&unplaced);
    }

    /// How many pods of each model have a node.
    fn placed(&self) -> HashMap<ObjectKey, u32> {
        let mut placed = HashMap::new();
        for pod in self.stores.pods.state() {
            let bound = pod.spec.as_ref().is_some_and(|spec| spec.node_name.is_some());
            let going = pod.metadata.deletion_timestamp.is_some();
            if let Some(name) = pod.labels().get(labels::MODEL_DEPLOYMENT).filter(|_| bound && !going) {
                let namespace = pod.namespace().unwrap_or_default();
                *placed.entry(ObjectKey { namespace, name: name.clone() }).or_default() += 1;
            }
        }
        placed
    }
}

/// Why a model cannot be placed, as its status says.
fn unplaceable(object: &ModelDeployment) -> Option<&str> {
    let conditions = &object.status.as_ref()?.conditions;
    let placeable = conditions.iter().find(|condition| condition.type_ == types::PLACEABLE)?;
    (placeable.status == "False").then_some(placeable.reason.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::{Capacity, trigger};

    #[test]
    fn an_inventory_before_the_devices_are_known_says_so() {
        let (publisher, capacity) = Capacity::channel();
        let keeper = Keeper {
            sources: Arc::default(),
            stores: Arc::new(Stores::empty()),
            gpu_pods: Arc::default(),
            devices: Arc::default(),
            publisher,
            models: trigger().0,
            metrics: Metrics::new().unwrap(),
        };
        let first = keeper.publish(Arc::default());
        assert!(first.awaits_devices && capacity.latest().is_some_and(|known| known.awaits_devices));
        keeper.sources.complete(&keeper.sources.devices);
        keeper.publish(first);
        assert!(capacity.latest().is_some_and(|known| !known.awaits_devices));
    }
}
