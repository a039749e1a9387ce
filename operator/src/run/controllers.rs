//! The two controllers.

use super::{Backoff, Turns};
use crate::fleet::{Capacity, CatalogReceiver, Stores, Triggers};
use crate::kube_ext::{Appliers, Events, StatusWriter};
use crate::lease::Leadership;
use crate::metrics::Metrics;
use crate::model_deployment::file::Files;
use crate::model_deployment::observe::{Observer, ObserverOptions};
use crate::options::Defaults;
use crate::push::{Registry, Routers};
use crate::scaling::Board;
use crate::webhook::router_container::RouterPod;
use crate::{model_deployment, routing_policy};
use flotilla_crds::{ModelDeployment, RoutingPolicy};
use futures::{Stream, StreamExt as _};
use kube::Client;
use kube::core::DeserializeGuard;
use kube::core::object::HasStatus;
use kube::runtime::{Controller, PredicateConfig, WatchStreamExt as _, controller, predicates, watcher};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// What both controllers need.
#[derive(Clone)]
pub(super) struct Shared {
    pub(super) client: Client,
    pub(super) appliers: Arc<Appliers>,
    pub(super) stores: Arc<Stores>,
    pub(super) capacity: Capacity,
    pub(super) catalog: CatalogReceiver,
    pub(super) registry: Arc<Registry>,
    pub(super) router: Arc<RouterPod>,
    pub(super) files: Files,
    pub(super) defaults: Defaults,
    pub(super) observe: ObserverOptions,
    pub(super) scaling: Arc<Board>,
    pub(super) leadership: Leadership,
    pub(super) metrics: Metrics,
    pub(super) pod_name: String,
    pub(super) concurrency: u16,
}

impl Shared {
    fn config(&self) -> controller::Config {
        controller::Config::default().concurrency(self.concurrency)
    }

    fn status<K: HasStatus>(&self) -> StatusWriter<K> {
        StatusWriter::new(self.client.clone(), Events::new(self.client.clone(), &self.pod_name))
    }

    fn turns(&self) -> Turns {
        let (leadership, metrics) = (self.leadership.clone(), self.metrics.clone());
        Turns { leadership, metrics, backoff: Backoff::default() }
    }

    /// Everything is reconciled when this replica becomes the leader.
    fn takeovers(&self) -> impl Stream<Item = ()> + Send + use<> {
        futures::stream::unfold(self.leadership.clone(), |mut leadership| async move {
            leadership.changed().await.then_some(((), leadership))
        })
    }
}

/// Runs the `ModelDeployment` controller until the shutdown.
pub(super) async fn model_deployments(
    shared: Shared,
    objects: impl Stream<Item = Result<DeserializeGuard<ModelDeployment>, watcher::Error>> + Send + 'static,
    triggers: Triggers<DeserializeGuard<ModelDeployment>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let context = Arc::new(model_deployment::Context {
        client: shared.client.clone(),
        appliers: shared.appliers.clone(),
        stores: shared.stores.clone(),
        capacity: shared.capacity.clone(),
        files: shared.files.clone(),
        defaults: shared.defaults.clone(),
        observer: Observer::new(shared.client.clone(), shared.observe.clone()),
        status: shared.status(),
        routers: Routers::new(shared.catalog.clone(), shared.registry.clone()),
        scaling: shared.scaling.clone(),
        turns: shared.turns(),
    });
    // Our own status writes do not change the generation, and trigger nothing.
    let spec_changes = objects.predicate_filter(predicates::generation, PredicateConfig::default());
    Controller::for_stream(spec_changes, shared.stores.model_deployments.clone())
        .with_config(shared.config())
        .reconcile_on(triggers)
        .reconcile_all_on(shared.takeovers())
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(
            model_deployment::reconcile,
            |object, error, context| context.turns.again(&object, error),
            context,
        )
        .for_each(|_| std::future::ready(()))
        .await;
    Ok(())
}

/// Runs the `RoutingPolicy` controller until the shutdown.
pub(super) async fn routing_policies(
    shared: Shared,
    objects: impl Stream<Item = Result<DeserializeGuard<RoutingPolicy>, watcher::Error>> + Send + 'static,
    triggers: Triggers<DeserializeGuard<RoutingPolicy>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let context = Arc::new(routing_policy::Context {
        client: shared.client.clone(),
        appliers: shared.appliers.clone(),
        catalog: shared.catalog.clone(),
        registry: shared.registry.clone(),
        router: shared.router.clone(),
        status: shared.status(),
        turns: shared.turns(),
    });
    let spec_changes = objects.predicate_filter(predicates::generation, PredicateConfig::default());
    Controller::for_stream(spec_changes, shared.stores.routing_policies.clone())
        .with_config(shared.config())
        .reconcile_on(triggers)
        .reconcile_all_on(shared.takeovers())
        .graceful_shutdown_on(shutdown.cancelled_owned())
        .run(routing_policy::reconcile, |object, error, context| context.turns.again(&object, error), context)
        .for_each(|_| std::future::ready(()))
        .await;
    Ok(())
}
