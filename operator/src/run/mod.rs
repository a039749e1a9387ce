//! Wires the parts together and owns every task.

mod admin;
mod backoff;
mod capacity;
mod certificates;
mod compared;
mod controllers;
mod devices;
mod engine_metrics;
mod leader_label;
mod ledger;
mod model_files;
mod scaling;
mod turns;
mod usage;
mod watches;

pub use backoff::Backoff;
pub use turns::{ReconcileError, Turns};

use crate::fleet::{ClientKeys, Index, Secrets, trigger};
use crate::kube_ext::Appliers;
use crate::lease::{Election, LeaseError};
use crate::metrics::Metrics;
use crate::options::Options;
use crate::push::{self, Authenticator, HttpsError, Registry};
use crate::scaling::{Board, EngineReports, Reports};
use crate::tls::{Bundle, CertResolver, load_or_create};
use crate::webhook::{self, INJECT_PATH};
use anyhow::Context as _;
use axum::routing::post;
use flotilla_crds::router_config::STREAM_PATH;
use jiff::Timestamp;
use kube::{Client, Config};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use watches::FirstLists;

/// How long tasks may take to end after the shutdown began.
const SHUTDOWN_DEADLINE: Duration = Duration::from_secs(15);
/// Time to reach the API server.
const CONNECT_DEADLINE: Duration = Duration::from_secs(5);

/// Runs the operator until `shutdown`; returns an error when a part fails that it cannot do without.
pub async fn run(options: Options, shutdown: CancellationToken) -> anyhow::Result<()> {
    let config = cluster().await?;
    let client = Client::try_from(config.clone())?;
    let metrics = Metrics::new()?;

    let bundle = certificate(&client, &options).await?;
    let resolver = Arc::new(CertResolver::new(&bundle)?);
    let router = Arc::new(options.router_pod(bundle.ca_cert.clone()));

    let (election, leadership) =
        Election::new(Client::try_from(config)?, &options.namespace, options.pod_name.clone());
    let dirty = Arc::new(Notify::new());
    let (model_triggers, model_stream) = trigger();
    let (policy_triggers, policy_stream) = trigger();
    let mut tasks: JoinSet<anyhow::Result<()>> = JoinSet::new();
    let watched = watches::start(&client, &mut tasks, &dirty, &model_triggers, &policy_triggers, &metrics);
    let secrets = Secrets::new(client.clone(), dirty.clone());
    let (reports, board) = (Arc::new(Reports::default()), Arc::new(Board::default()));
    let (index, catalog) = Index::new(
        watched.stores.clone(),
        board.clone(),
        secrets,
        ClientKeys::new(client.clone(), dirty.clone()),
        options.upstreams(),
        dirty.clone(),
        policy_triggers.clone(),
    );
    let (registry, engines) = (Arc::new(Registry::default()), Arc::new(EngineReports::default()));

    let shared = controllers::Shared {
        client: client.clone(),
        appliers: Arc::new(Appliers::new(&client, &watched.stores)),
        stores: watched.stores.clone(),
        capacity: watched.capacity.clone(),
        catalog: catalog.clone(),
        registry: registry.clone(),
        router: router.clone(),
        files: model_files::reader(&options, &client).await?,
        defaults: options.defaults().await?,
        observe: options.observe(),
        scaling: board.clone(),
        leadership: leadership.clone(),
        metrics: metrics.clone(),
        pod_name: options.pod_name.clone(),
        concurrency: options.concurrency,
    };
    if options.engine_metrics {
        let asker = engine_metrics::Asker::new(&watched.stores, &engines, &leadership);
        tasks.spawn(after(watched.first_lists.clone(), asker.run(shutdown.clone())));
    }
    let ticker = scaling::Ticker {
        stores: watched.stores.clone(),
        capacity: watched.capacity.clone(),
        catalog: catalog.clone(),
        reports: reports.clone(),
        engines,
        board,
        gauges: metrics.scaling().clone(),
        leadership: leadership.clone(),
        models: model_triggers,
        dirty,
    };
    tasks.spawn(after(watched.first_lists.clone(), ticker.run(shutdown.clone())));
    tasks.spawn(after(watched.first_lists.clone(), async move { index.run().await }));
    let (models, policies) = (watched.model_deployments, watched.routing_policies);
    tasks.spawn(controllers::model_deployments(shared.clone(), models, model_stream, shutdown.clone()));
    tasks.spawn(controllers::routing_policies(shared, policies, policy_stream, shutdown.clone()));

    tasks.spawn(usage::report(registry.clone(), policy_triggers.clone(), shutdown.clone()));
    let ledger = Arc::default();
    let keeper = ledger::Keeper {
        client: client.clone(),
        namespace: options.namespace.clone(),
        ledger: Arc::clone(&ledger),
        leadership: leadership.clone(),
        catalog: catalog.clone(),
        metrics: metrics.clone(),
        shutdown: shutdown.clone(),
    };
    tasks.spawn(keeper.run());
    let streams = push::State {
        authenticator: Authenticator::new(client.clone()),
        catalog: catalog.clone(),
        registry: registry.clone(),
        reports,
        ledger,
        triggers: policy_triggers,
        leadership: leadership.clone(),
        shutdown: shutdown.clone(),
    };
    let hooks = webhook::State { catalog: catalog.clone(), router };
    let https = push::serve(options.https_listen, resolver.clone(), routes(streams, hooks), shutdown.clone());
    tasks.spawn(async move { https.await.map_err(|error: HttpsError| error.into()) });
    let admin = admin::State { metrics, registry, catalog, leadership: leadership.clone() };
    tasks.spawn(admin::serve(options.admin_listen, admin, shutdown.clone()));
    let (namespace, pod) = (options.namespace.clone(), options.pod_name.clone());
    tasks.spawn(leader_label::keep(client.clone(), namespace, pod, leadership.clone(), shutdown.clone()));
    let serving = certificates::Serving { resolver, ca_cert: bundle.ca_cert };
    tasks.spawn(certificates::keep(client, options, leadership, serving, shutdown.clone()));
    let ending = shutdown.clone();
    tasks.spawn(async move { election.run(ending).await.map_err(|error: LeaseError| error.into()) });

    supervise(tasks, shutdown).await
}

/// The certificate of the HTTPS port.
async fn certificate(client: &Client, options: &Options) -> anyhow::Result<Bundle> {
    load_or_create(client, &options.namespace, &options.service_names(), false, Timestamp::now())
        .await
        .context("no certificate for router streams and the webhook")
}

/// How the cluster is reached.
async fn cluster() -> anyhow::Result<Config> {
    let mut config = Config::infer().await.context("no cluster: set KUBECONFIG, or run in a pod")?;
    // The library would otherwise try each call up to fifteen times; the reconcilers have their own back-off.
    config.default_retry = false;
    config.connect_timeout = Some(CONNECT_DEADLINE);
    Ok(config)
}

/// Runs a part once the caches are complete.
async fn after(first_lists: FirstLists, part: impl Future<Output = ()>) -> anyhow::Result<()> {
    first_lists.complete().await;
    part.await;
    Ok(())
}

/// What the HTTPS port serves.
fn routes(streams: push::State, hooks: webhook::State) -> axum::Router {
    axum::Router::new()
        .route(STREAM_PATH, post(push::stream).with_state(streams))
        .route(INJECT_PATH, post(webhook::admit).with_state(hooks))
}

/// Waits for the shutdown, or for the first task that ends before it; then has all others end.
async fn supervise(
    mut tasks: JoinSet<anyhow::Result<()>>,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let result = tokio::select! {
        // Parts that end because of it are no failure.
        biased;
        () = shutdown.cancelled() => Ok(()),
        ended = tasks.join_next() => match ended {
            Some(Ok(Ok(()))) | None => Err(anyhow::anyhow!("a part of the operator ended by itself")),
            Some(Ok(Err(error))) => Err(error),
            Some(Err(panic)) => Err(panic.into()),
        },
    };
    shutdown.cancel();
    let drained = async {
        while let Some(ended) = tasks.join_next().await {
            if let Ok(Err(error)) = ended {
                tracing::warn!(%error, "a part of the operator ended badly");
            }
        }
    };
    // Watches have no end of their own; dropping the set ends them.
    let _ = tokio::time::timeout(SHUTDOWN_DEADLINE, drained).await;
    result
}

#[cfg(test)]
mod tests {
    use super::*;

    /// `select!` tries its branches in any order unless told otherwise: often enough to meet the other one.
    #[tokio::test]
    async fn parts_that_end_by_the_shutdown_are_no_failure() {
        for _ in 0..64 {
            let (mut tasks, shutdown) = (JoinSet::new(), CancellationToken::new());
            shutdown.cancel();
            tasks.spawn(async { Ok(()) });
            tokio::task::yield_now().await;
            assert!(supervise(tasks, shutdown).await.is_ok());
        }
    }

    #[tokio::test]
    async fn a_part_that_ends_by_itself_is_one() {
        let mut tasks = JoinSet::new();
        tasks.spawn(async { Ok(()) });
        assert!(supervise(tasks, CancellationToken::new()).await.is_err());
    }
}
