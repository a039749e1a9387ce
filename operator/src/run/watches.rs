//! One watch a kind feeds the caches, the index and the controllers.

use super::capacity::{Keeper, Sources};
use super::devices;
use crate::fleet::{BOUND, Capacity, Devices, GpuPod, GpuPods, Matters, NOT_ENDED, Seen, Stores, Trigger};
use crate::metrics::Metrics;
use crate::model_deployment::failure::draining_since;
use flotilla_crds::{ModelDeployment, RoutingPolicy, labels};
use futures::{Stream, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use kube::core::DeserializeGuard;
use kube::runtime::{WatchStreamExt as _, reflector, watcher};
use kube::{Api, Client, Resource, ResourceExt as _};
use serde::de::DeserializeOwned;
use std::collections::HashSet;
use std::fmt::Debug;
use std::pin::Pin;
use std::sync::Arc;
use tokio::sync::{Notify, Semaphore};
use tokio::task::JoinSet;

type Guarded<K> = DeserializeGuard<K>;
type EventOf<K> = Result<watcher::Event<K>, watcher::Error>;
type Objects<K> = Pin<Box<dyn Stream<Item = Result<Guarded<K>, watcher::Error>> + Send>>;

/// The caches, and the streams that drive the controllers.
pub(super) struct Watched {
    pub(super) stores: Arc<Stores>,
    pub(super) capacity: Capacity,
    pub(super) first_lists: FirstLists,
    pub(super) model_deployments: Objects<ModelDeployment>,
    pub(super) routing_policies: Objects<RoutingPolicy>,
}

/// Starts every watch. The two streams returned have to be polled for their caches to fill.
pub(super) fn start(
    client: &Client,
    tasks: &mut JoinSet<anyhow::Result<()>>,
    dirty: &Arc<Notify>,
    models: &Trigger<Guarded<ModelDeployment>>,
    policies: &Trigger<Guarded<RoutingPolicy>>,
    metrics: &Metrics,
) -> Watched {
    let (model_store, model_writer) = reflector::store();
    let (policy_store, policy_writer) = reflector::store();
    let (pod_store, pod_writer) = reflector::store();
    let (node_store, node_writer) = reflector::store();
    let (slice_store, slice_writer) = reflector::store();
    let (template_store, template_writer) = reflector::store();
    let (deployment_store, deployment_writer) = reflector::store();
    let (service_store, service_writer) = reflector::store();
    let first_lists = FirstLists::new();
    let stores = Arc::new(Stores {
        model_deployments: model_store,
        routing_policies: policy_store,
        pods: pod_store,
        nodes: node_store,
        deployments: deployment_store,
        services: service_store,
        claim_templates: template_store,
        endpoint_slices: slice_store,
    });

    let ours = watcher::Config::default().labels(&format!("{}={}", labels::MANAGED_BY, labels::MANAGER));
    let there = ours.clone().fields(NOT_ENDED);
    let pods = watcher(Api::<Pod>::all(client.clone()), there).modify(trim_pod).default_backoff();
    let pods = first_lists.watch(pods.reflect(pod_writer)).touched_objects();
    let trigger = models.clone();
    let (notify, mut draining) = (dirty.clone(), HashSet::new());
    tasks.spawn(each(pods, move |pod: Pod| {
        // Routers leave pods that are to go, and come back to those that stay after all.
        let uid = pod.metadata.uid.clone().unwrap_or_default();
        let goes = draining_since(&pod).is_some() && pod.metadata.deletion_timestamp.is_none();
        let news = if goes { draining.insert(uid) } else { draining.remove(&uid) };
        if news {
            notify.notify_one();
        }
        let trigger = trigger.clone();
        async move { touch(&trigger, &pod).await }
    }));

    tasks.spawn(children::<Deployment>(client, &ours, deployment_writer, models, policies));
    tasks.spawn(children::<Service>(client, &ours, service_writer, models, policies));

    let fleet = watcher::Config::default().labels(labels::MODEL_DEPLOYMENT);
    let notify = dirty.clone();
    let slices = watcher(Api::<EndpointSlice>::all(client.clone()), fleet);
    let slices = slices.modify(forget_managers).default_backoff();
    tasks.spawn(each(first_lists.watch(slices.reflect(slice_writer)), move |_| {
        notify.notify_one();
        std::future::ready(())
    }));

    let nodes = watcher(Api::<Node>::all(client.clone()), watcher::Config::default());
    let nodes = nodes.modify(trim_node).default_backoff().reflect(node_writer);
    let sources = Arc::new(Sources::default());
    let gpu_pods_known = Arc::new(GpuPods::default());
    tasks.spawn(nodes_changed(first_lists.watch(nodes), sources.clone()));
    tasks.spawn(gpu_pods(client.clone(), gpu_pods_known.clone(), sources.clone()));
    let published = Arc::new(Devices::default());
    let fed = devices::Fed {
        devices: published.clone(),
        sources: sources.clone(),
        templates: template_writer,
        models: models.clone(),
    };
    tasks.spawn(devices::watch(client.clone(), fed));
    let (publisher, capacity) = Capacity::channel();
    let keeper = Keeper {
        sources,
        stores: stores.clone(),
        gpu_pods: gpu_pods_known,
        devices: published,
        publisher,
        models: models.clone(),
        metrics: metrics.clone(),
    };
    tasks.spawn(keeper.run());

    Watched {
        model_deployments: primary(client, model_writer, dirty, &first_lists),
        routing_policies: primary(client, policy_writer, dirty, &first_lists),
        stores,
        capacity,
        first_lists,
    }
}

/// Counts the caches that have had their first list.
///
/// Not `Store::wait_until_ready`: it wakes only the last of those who wait, and the controllers wait, too.
#[derive(Clone)]
pub(super) struct FirstLists(Arc<Semaphore>);

/// The caches of [`Stores`].
const CACHES: u32 = 5;

impl FirstLists {
    fn new() -> Self {
        Self(Arc::new(Semaphore::new(0)))
    }

    /// Resolves once every cache is complete.
    pub(super) async fn complete(&self) {
        // Never closed, so it cannot fail.
        let _ = self.0.acquire_many(CACHES).await;
    }

    /// Passes a reflected stream through and counts its first list.
    fn watch<K, S>(&self, events: S) -> impl Stream<Item = EventOf<K>> + Send + use<K, S>
    where
        S: Stream<Item = EventOf<K>> + Send,
    {
        let mut pending = Some(self.0.clone());
        events.inspect_ok(move |event| {
            if matches!(event, watcher::Event::InitDone)
                && let Some(lists) = pending.take()
            {
                lists.add_permits(1);
            }
        })
    }
}

/// The stream of a kind that has a controller; the index hears of every event that may matter to it.
fn primary<K>(
    client: &Client,
    writer: reflector::store::Writer<Guarded<K>>,
    dirty: &Arc<Notify>,
    first_lists: &FirstLists,
) -> Objects<K>
where
    K: Resource<DynamicType = ()> + Clone + Debug + Send + Sync + DeserializeOwned + 'static,
    Guarded<K>: Matters,
{
    let (dirty, mut seen) = (dirty.clone(), Seen::default());
    let events = watcher(Api::all(client.clone()), watcher::Config::default());
    let events = events.modify(forget_managers).default_backoff().reflect(writer);
    let heard = move |event: &EventOf<Guarded<K>>| {
        if event.as_ref().map_or(true, |event| seen.take_in(event)) {
            dirty.notify_one();
        }
    };
    first_lists.watch(events).inspect(heard).touched_objects().boxed()
}

pub(super) async fn each<T, F>(
    stream: impl Stream<Item = Result<T, watcher::Error>> + Send,
    mut handle: impl FnMut(T) -> F + Send,
) -> anyhow::Result<()>
where
    F: Future<Output = ()> + Send,
{
    let mut stream = std::pin::pin!(stream);
    while let Some(item) = stream.next().await {
        match item {
            Ok(item) => handle(item).await,
            Err(error) => tracing::warn!(%error, "a watch failed and is tried again"),
        }
    }
    Ok(())
}

/// Has the owner reconciled whenever one of its children changes or goes, whoever did that.
fn children<K>(
    client: &Client,
    ours: &watcher::Config,
    writer: reflector::store::Writer<K>,
    models: &Trigger<Guarded<ModelDeployment>>,
    policies: &Trigger<Guarded<RoutingPolicy>>,
) -> impl Future<Output = anyhow::Result<()>> + Send + use<K>
where
    K: Resource<DynamicType = ()>
        + Clone
        + std::fmt::Debug
        + Send
        + Sync
        + serde::de::DeserializeOwned
        + 'static,
{
    let stream = watcher(Api::<K>::all(client.clone()), ours.clone());
    let stream = stream.modify(forget_managers).default_backoff().reflect(writer);
    let (models, policies) = (models.clone(), policies.clone());
    each(stream.touched_objects(), move |child: K| {
        let (models, policies) = (models.clone(), policies.clone());
        async move {
            touch(&models, &child).await;
            let owners = child.owner_references().iter();
            for policy in owners.filter(|owner| owner.kind == RoutingPolicy::kind(&())) {
                policies.send(&child.namespace().unwrap_or_default(), &policy.name).await;
            }
        }
    })
}

pub(super) async fn touch(trigger: &Trigger<Guarded<ModelDeployment>>, child: &(impl Resource + Sync)) {
    let meta = child.meta();
    if let Some(name) = meta.labels.as_ref().and_then(|l| l.get(labels::MODEL_DEPLOYMENT)) {
        trigger.send(meta.namespace.as_deref().unwrap_or_default(), name).await;
    }
}

/// Has the inventory made anew when nodes change.
async fn nodes_changed(
    nodes: impl Stream<Item = EventOf<Node>> + Send,
    sources: Arc<Sources>,
) -> anyhow::Result<()> {
    let mut seen = Seen::default();
    each(nodes, move |event| {
        if seen.take_in(&event) {
            sources.changed.notify_one();
        }
        if matches!(event, watcher::Event::InitDone) {
            sources.complete(&sources.nodes);
        }
        std::future::ready(())
    })
    .await
}

/// Keeps account of the pods that have GPUs.
async fn gpu_pods(client: Client, pods: Arc<GpuPods>, sources: Arc<Sources>) -> anyhow::Result<()> {
    let bound = watcher::Config::default().fields(BOUND);
    each(watcher(Api::<GpuPod>::all(client), bound).default_backoff(), move |event| {
        let complete = matches!(event, watcher::Event::InitDone);
        if pods.take_in(event) {
            sources.changed.notify_one();
        }
        if complete {
            sources.complete(&sources.pods);
        }
        std::future::ready(())
    })
    .await
}

/// Nobody here reads who wrote which field, and thousands of objects would keep it.
fn forget_managers(object: &mut impl Resource) {
    object.meta_mut().managed_fields = None;
}

/// Keeps what [`crate::model_deployment::failure`] reads.
fn trim_pod(pod: &mut Pod) {
    forget_managers(pod);
    if let Some(annotations) = &mut pod.metadata.annotations {
        annotations.retain(|name, _| name == labels::DRAINING_SINCE);
    }
    if let Some(spec) = &mut pod.spec {
        let (volumes, node_name) = (spec.volumes.take(), spec.node_name.take());
        *spec = k8s_openapi::api::core::v1::PodSpec { volumes, node_name, ..Default::default() };
    }
}

/// Keeps labels, the cordon and allocatable resources.
fn trim_node(node: &mut Node) {
    forget_managers(node);
    node.metadata.annotations = None;
    if let Some(status) = &mut node.status {
        let allocatable = status.allocatable.take();
        *status = k8s_openapi::api::core::v1::NodeStatus { allocatable, ..Default::default() };
    }
}
