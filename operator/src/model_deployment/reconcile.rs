//! The driver: names its steps, in order.

use super::apply::{apply_children, sweep};
use super::build::{Applied, Children, build, port};
use super::calibrate::taught;
use super::dereference::dereference;
use super::drain::{AGAIN, Drain};
use super::failure::PodFacts;
use super::file::Files;
use super::observe::{Next, Observer, replica};
use super::placed::choice;
use super::status::{Outcome, status};
use super::validate::validate;
use crate::fleet::{Capacity, Stores};
use crate::kube_ext::{Appliers, StatusWriter};
use crate::options::Defaults;
use crate::push::Routers;
use crate::routing_policy::ObjectKey;
use crate::run::{ReconcileError, Turns};
use crate::scaling::{Board, SpillNews, effective, spill_news, untold};
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::ModelDeploymentStatus;
use jiff::Timestamp;
use kube::Client;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use std::sync::Arc;
use std::time::Duration;

/// What a reconcile works with.
pub struct Context {
    /// Writes children and status.
    pub client: Client,
    /// Applies children.
    pub appliers: Arc<Appliers>,
    /// The caches.
    pub stores: Arc<Stores>,
    /// The GPUs of the cluster.
    pub capacity: Capacity,
    /// The heads of model files.
    pub files: Files,
    /// What pods get where specs say nothing.
    pub defaults: Defaults,
    /// Writes status and publishes events.
    pub status: StatusWriter<ModelDeployment>,
    /// Asks what replicas took.
    pub observer: Observer,
    /// Who sends requests to replicas.
    pub routers: Routers,
    /// What scaling decided.
    pub scaling: Arc<Board>,
    /// Whose turn it is.
    pub turns: Turns,
}

/// Brings one object's children and status to what its spec says.
pub async fn reconcile(
    object: Arc<DeserializeGuard<ModelDeployment>>,
    ctx: Arc<Context>,
) -> Result<Action, ReconcileError> {
    let Some(object) = ctx.turns.due(&object) else { return Ok(Action::await_change()) };
    ctx.turns.take(object, Box::pin(steps(object, &ctx))).await
}

async fn steps(object: &ModelDeployment, ctx: &Context) -> Result<Action, ReconcileError> {
    let object = ctx.status.newest(object);
    // From here on spec.replicas is what there should be.
    let object = effective(&object, &ctx.scaling);
    let object = object.as_ref();
    let observed = dereference(&ctx.client, &ctx.stores, &ctx.capacity, &ctx.files, object).await;
    let done = || observed.again().map_or_else(Action::await_change, Action::requeue);
    let report = |outcome: &Outcome<'_>| ModelDeploymentStatus {
        scaling: ctx.scaling.status(object),
        ..status(object, &observed, outcome, Timestamp::now())
    };
    // Before any status is written: from then on they would be told.
    tell_changes(object, ctx).await;
    let valid = match validate(object, &ctx.defaults, &observed.file.state) {
        Ok(valid) => valid,
        Err(invalid) => {
            ctx.status.write(object, object.status.as_ref(), &report(&Outcome::Invalid(&invalid))).await?;
            stay(object, ctx, &observed.pods).await?;
            return Ok(done());
        }
    };
    if object.status.is_none() {
        ctx.status.write(object, object.status.as_ref(), &report(&Outcome::Planned(&valid.need))).await?;
    }
    let mode = choice(object, &observed.inventory, valid.need.required_mib).mode;
    let prepared = build(&valid, &mode, observed.inventory.shares_devices());
    let drain = drain(object, ctx, &observed.pods, valid.drain);
    match Box::pin(apply_children(&ctx.client, &ctx.appliers, prepared, &drain)).await {
        Ok(children) => {
            let again = [observed.again(), drains(object, &children).then_some(AGAIN)];
            let again = again.into_iter().flatten().min();
            sweep(&ctx.client, &ctx.stores, object, &children).await?;
            let plain = report(&Outcome::Applied(&valid.need, &children));
            let Some(replica) = replica(object, valid.namespace, &observed, &children) else {
                ctx.status.write(object, object.status.as_ref(), &plain).await?;
                return Ok(again.map_or_else(Action::await_change, Action::requeue));
            };
            let now = Timestamp::now();
            let mut before = object.status.clone();
            let next = ctx.observer.next(&replica, now);
            if !matches!(next, Next::Tell) {
                ctx.status.write(object, before.as_ref(), &plain).await?;
                before = Some(plain.clone());
            }
            if !matches!(next, Next::Nothing) {
                let found = ctx.observer.observe(&replica, now).await;
                let after = taught(plain, object, &observed, &valid.need, &replica, &found);
                ctx.status.write(object, before.as_ref(), &after).await?;
            }
            Ok(match ctx.observer.next(&replica, now) {
                Next::Later(wait) => Action::requeue(again.map_or(wait, |again| again.min(wait))),
                _ => again.map_or_else(Action::await_change, Action::requeue),
            })
        }
        Err(error) => {
            ctx.status
                .write(object, object.status.as_ref(), &report(&Outcome::NotApplied(&valid.need, &error)))
                .await?;
            Err(error.into())
        }
    }
}

/// The replicas of an object on their way to another number.
fn drain<'a>(
    object: &ModelDeployment,
    ctx: &'a Context,
    pods: &'a [PodFacts],
    timeout: Duration,
) -> Drain<'a> {
    let now = Timestamp::now();
    Drain {
        key: ObjectKey::of(object),
        pods,
        routers: &ctx.routers,
        observer: &ctx.observer,
        port: port(object),
        timeout,
        leads_since: now.checked_sub(ctx.turns.leadership.lasted()).unwrap_or(now),
        now,
    }
}

/// A spec that cannot be carried out leaves the replicas as they are: those that were to go serve on, unless the
/// Deployment was told of it already.
async fn stay(object: &ModelDeployment, ctx: &Context, pods: &[PodFacts]) -> Result<(), ReconcileError> {
    if !pods.iter().any(|pod| pod.draining_since.is_some() && !pod.terminating) {
        return Ok(());
    }
    let drain = drain(object, ctx, pods, Duration::ZERO);
    let ObjectKey { namespace, name } = &drain.key;
    let live = ctx.appliers.deployments.live(namespace, name).await?;
    if let Some(replicas) = live.as_ref().and_then(|live| live.spec.as_ref()?.replicas) {
        drain.replicas(&ctx.client, replicas, live.as_deref()).await?;
    }
    Ok(())
}

/// Whether a replica is to go and is still there.
fn drains(object: &ModelDeployment, children: &Children<Applied>) -> bool {
    let told = children.deployment.spec.as_ref().and_then(|spec| spec.replicas);
    told > Some(object.spec.replicas)
}

/// An event for each change of the number of replicas that the status does not have yet, and for requests that begin or
/// cease to go outside.
async fn tell_changes(object: &ModelDeployment, ctx: &Context) {
    let known = object.status.as_ref().and_then(|status| status.scaling.as_ref());
    let after = ctx.scaling.status(object);
    for change in untold(known, after.as_ref()) {
        // Each change is an action of its own: the next one of this reason is another event.
        let action = format!("ScaleAt{}", change.time.0);
        let note = format!("{} -> {}: {}", change.from, change.to, change.message);
        ctx.status.tell(object, &action, &change.reason, &note).await;
    }
    if let Some(SpillNews { action, reason, note }) = spill_news(known, after.as_ref()) {
        ctx.status.tell(object, &action, reason, &note).await;
    }
}
