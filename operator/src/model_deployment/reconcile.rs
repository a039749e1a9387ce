//! The driver: names its steps, in order.

use super::apply::apply_children;
use super::build::build;
use super::dereference::dereference;
use super::status::{Outcome, status};
use super::validate::validate;
use crate::conditions::{changed_parts, types};
use crate::fleet::Stores;
use crate::kube_ext::{ApplyError, CallError, Events, STATUS_FIELD_MANAGER, within};
use crate::lease::Leadership;
use crate::metrics::Metrics;
use crate::options::EngineImages;
use crate::routing_policy::ObjectKey;
use crate::run::Backoff;
use flotilla_crds::{ModelDeployment, ModelDeploymentStatus};
use jiff::Timestamp;
use kube::api::{Patch, PatchParams};
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use kube::{Api, Client, Resource as _};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// A whole reconcile takes no longer.
const RECONCILE_DEADLINE: Duration = Duration::from_mins(1);

/// What a reconcile works with.
pub struct Context {
    /// Writes children and status.
    pub client: Client,
    /// The caches.
    pub stores: Arc<Stores>,
    /// Default images.
    pub images: EngineImages,
    /// Whether this replica may write.
    pub leadership: Leadership,
    /// Publishes events.
    pub events: Events,
    /// Counts reconciles.
    pub metrics: Metrics,
    /// Per-object delays.
    pub backoff: Backoff,
}

/// Why a reconcile is tried again.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Reading or writing a child failed.
    #[error(transparent)]
    Apply(#[from] ApplyError),
    /// Writing status failed.
    #[error(transparent)]
    Call(#[from] CallError),
    /// It took too long as a whole.
    #[error("the reconcile took more than {} s", RECONCILE_DEADLINE.as_secs())]
    TimedOut,
}

/// Brings one object's children and status to what its spec says.
pub async fn reconcile(
    object: Arc<DeserializeGuard<ModelDeployment>>,
    ctx: Arc<Context>,
) -> Result<Action, Error> {
    if !ctx.leadership.is_leader() {
        return Ok(Action::await_change());
    }
    let object = match &object.0 {
        Ok(object) if object.metadata.deletion_timestamp.is_none() => object,
        // Children go by garbage collection.
        Ok(_) => return Ok(Action::await_change()),
        Err(invalid) => {
            tracing::warn!(name = ?invalid.metadata.name, error = %invalid.error, "unreadable ModelDeployment is left alone");
            return Ok(Action::await_change());
        }
    };
    let timer = ctx.metrics.reconcile("ModelDeployment");
    let result = tokio::time::timeout(RECONCILE_DEADLINE, Box::pin(steps(object, &ctx)))
        .await
        .unwrap_or(Err(Error::TimedOut));
    timer.done(result.is_ok());
    if result.is_ok() {
        ctx.backoff.reset(&backoff_key(&ObjectKey::of(object)));
    }
    result
}

async fn steps(object: &ModelDeployment, ctx: &Context) -> Result<Action, Error> {
    let observed = dereference(&ctx.stores, &ObjectKey::of(object));
    let report = |outcome: &Outcome<'_>| status(object, &observed, outcome, Timestamp::now());
    let valid = match validate(object, &ctx.images) {
        Ok(valid) => valid,
        Err(invalid) => {
            write_status(object, &report(&Outcome::Invalid(&invalid)), ctx).await?;
            return Ok(Action::await_change());
        }
    };
    if object.status.is_none() {
        write_status(object, &report(&Outcome::Planned(&valid.need)), ctx).await?;
    }
    match apply_children(&ctx.client, build(&valid)).await {
        Ok(children) => {
            write_status(object, &report(&Outcome::Applied(&valid.need, &children)), ctx).await?;
            Ok(Action::await_change())
        }
        Err(error) => {
            write_status(object, &report(&Outcome::NotApplied(&valid.need, &error)), ctx).await?;
            Err(error.into())
        }
    }
}

/// Writes the status if it says anything new, and an event for each condition that does.
async fn write_status(
    object: &ModelDeployment,
    after: &ModelDeploymentStatus,
    ctx: &Context,
) -> Result<(), CallError> {
    if object.status.as_ref() == Some(after) {
        return Ok(());
    }
    let ObjectKey { namespace, name } = ObjectKey::of(object);
    let api: Api<ModelDeployment> = Api::namespaced(ctx.client.clone(), &namespace);
    let patch = json!({
        "apiVersion": ModelDeployment::api_version(&()), "kind": ModelDeployment::kind(&()),
        "metadata": {"name": name, "uid": object.metadata.uid}, "status": after,
    });
    let params = PatchParams::apply(STATUS_FIELD_MANAGER).force();
    within(
        || format!("could not write the status of ModelDeployment {name}"),
        api.patch_status(&name, &params, &Patch::Apply(&patch)),
    )
    .await?;
    let before = object.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default();
    for condition in changed_parts(before, &after.conditions).into_iter().filter(|c| c.type_ == types::READY)
    {
        let stalled = after.conditions.iter().any(|c| c.type_ == types::STALLED && c.status == "True");
        ctx.events.publish(&object.object_ref(&()), stalled, &condition.reason, &condition.message).await;
    }
    Ok(())
}

fn backoff_key(key: &ObjectKey) -> String {
    format!("ModelDeployment/{key}")
}

/// Exponential back-off with jitter, per object.
#[allow(clippy::needless_pass_by_value, reason = "the controller's signature")]
pub fn error_policy(
    object: Arc<DeserializeGuard<ModelDeployment>>,
    error: &Error,
    ctx: Arc<Context>,
) -> Action {
    let delay = ctx.backoff.next(&backoff_key(&ObjectKey::of(object.as_ref())));
    tracing::warn!(name = ?object.meta().name, %error, ?delay, "reconcile failed; tried again");
    Action::requeue(delay)
}
