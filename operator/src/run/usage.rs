//! Brings what routers count into status, at a pace that does not depend on how often they report.

use crate::fleet::Trigger;
use crate::push::Registry;
use flotilla_crds::RoutingPolicy;
use kube::core::DeserializeGuard;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;
use tokio_util::sync::CancellationToken;

/// Between two writes of one policy's split and spend.
const INTERVAL: Duration = Duration::from_secs(5);

/// Has every policy reconciled that was counted since the last tick, until the shutdown.
pub(super) async fn report(
    registry: Arc<Registry>,
    triggers: Trigger<DeserializeGuard<RoutingPolicy>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let mut ticks = tokio::time::interval(INTERVAL);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            _ = ticks.tick() => {}
        }
        for key in registry.take_counted() {
            triggers.send(&key.namespace, &key.name).await;
        }
    }
}
