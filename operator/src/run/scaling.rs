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
        let mut targets = Arc::new(Targets::default());
        self.catalog.mark_changed();
        loop {
            tokio::select! {
                () = shutdown.cancelled() => return,
                _ = ticks.tick() => {}
            }
            if self.catalog.has_changed().unwrap_or(false) {
                let present = self.catalog.borrow_and_update().clone();
                targets = Arc::new(present.map(|catalog| Targets::of(&catalog)).unwrap_or_default());
            }
            if !self.leadership.is_leader() {
                autoscaler.resign();
                continue;
            }
            let Some(inventory) = self.capacity.latest() else { continue };
            let world = World::of(&self.stores, inventory, targets.clone());
            let Some(news) = autoscaler.tick(world, Timestamp::now()) else { continue };
            if news.spills {
                self.dirty.notify_one();
            }
            for key in news.objects {
                self.models.send(&key.namespace, &key.name).await;
            }
        }
    }
}
