//! Has every model scaled once a second, on the leader.

use crate::fleet::{Capacity, CatalogReceiver, Stores, Trigger};
use crate::lease::Leadership;
use crate::scaling::{Autoscaler, Board, EngineReports, Gauges, Reports, Targets, World};
use flotilla_crds::ModelDeployment;
use jiff::Timestamp;
use kube::core::DeserializeGuard;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Between two passes; routers report as often.
const EVERY: Duration = Duration::from_secs(1);

/// What the task works with.
pub(super) struct Ticker {
    pub(super) stores: Arc<Stores>,
    pub(super) capacity: Capacity,
    pub(super) catalog: CatalogReceiver,
    pub(super) reports: Arc<Reports>,
    pub(super) engines: Arc<EngineReports>,
    pub(super) board: Arc<Board>,
    pub(super) gauges: Gauges,
    pub(super) leadership: Leadership,
    pub(super) models: Trigger<DeserializeGuard<ModelDeployment>>,
    /// Has policies compiled anew.
    pub(super) dirty: Arc<Notify>,
}

impl Ticker {
    /// Runs until the shutdown. The caches must be complete.
    pub(super) async fn run(mut self, shutdown: CancellationToken) {
        let mut ticks = tokio::time::interval(EVERY);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let (reports, engines) = (self.reports.clone(), self.engines.clone());
        let mut autoscaler = Autoscaler::new(reports, engines, self.board.clone(), self.gauges.clone());
        let mut targets = None;
        self.catalog.mark_changed();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = ticks.tick() => {}
            }
            self.read_targets(&mut targets);
            if !self.leadership.is_leader() {
                autoscaler.resign();
                continue;
            }
            let Some(world) = self.world(targets.as_ref()) else { continue };
            let Some(news) = autoscaler.tick(world, Timestamp::now()) else { continue };
            if news.spills {
                self.dirty.notify_one();
            }
            for key in news.objects {
                self.models.send(&key.namespace, &key.name).await;
            }
        }
    }

    /// What policies have to do with models, if it is another than before.
    fn read_targets(&mut self, targets: &mut Option<Arc<Targets>>) {
        if self.catalog.has_changed().unwrap_or(false) {
            let catalog = self.catalog.borrow_and_update().clone();
            *targets = catalog.map(|catalog| Arc::new(Targets::of(&catalog)));
        }
    }

    /// None before GPUs were counted and policies compiled: as long as no policy is known, it would seem as if requests
    /// that go outside had nowhere to go.
    fn world(&self, targets: Option<&Arc<Targets>>) -> Option<World> {
        Some(World::of(&self.stores, self.capacity.latest()?, Arc::clone(targets?)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decide::placement::Inventory;
    use crate::fleet::{Catalog, trigger};
    use tokio::sync::watch;

    fn ticker(catalog: CatalogReceiver, capacity: Capacity) -> Ticker {
        Ticker {
            stores: Arc::new(Stores::empty()),
            capacity,
            catalog,
            reports: Arc::default(),
            engines: Arc::default(),
            board: Arc::default(),
            gauges: Gauges::new(&prometheus::Registry::new()).unwrap(),
            leadership: Leadership::always(true),
            models: trigger().0,
            dirty: Arc::default(),
        }
    }

    #[test]
    fn nothing_is_decided_before_policies_and_gpus_are_known() {
        let (sender, catalog) = watch::channel(None);
        let (inventory, capacity) = Capacity::channel();
        let mut ticker = ticker(catalog, capacity);
        let mut targets = None;
        let mut known = |ticker: &mut Ticker| {
            ticker.read_targets(&mut targets);
            ticker.world(targets.as_ref()).is_some()
        };
        assert!(!known(&mut ticker));
        inventory.send_replace(Some(Arc::new(Inventory::default())));
        assert!(!known(&mut ticker), "no policy was compiled yet");
        sender.send_replace(Some(Arc::new(Catalog::default())));
        assert!(known(&mut ticker));
        assert!(known(&mut ticker), "it is the same catalog");
    }
}
