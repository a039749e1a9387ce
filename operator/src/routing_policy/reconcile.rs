//! The driver: names its steps, in order. What routers get is compiled by the index, on every replica; this writes
//! the gateway and the status.

use super::ObjectKey;
use super::gateway::{self, Gateway};
use super::status::{Outcome, status};
use crate::fleet::{CatalogReceiver, Entry, Verdict};
use crate::kube_ext::{Appliers, ApplyError, StatusWriter, delete_if_ours};
use crate::push::Registry;
use crate::run::{ReconcileError, Turns};
use crate::webhook::router_container::RouterPod;
use flotilla_crds::RoutingPolicy;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Service;
use kube::Client;
use kube::core::DeserializeGuard;
use kube::runtime::controller::Action;
use std::sync::Arc;

/// What a reconcile works with.
pub struct Context {
    /// Writes children and status.
    pub client: Client,
    /// Applies gateways.
    pub appliers: Arc<Appliers>,
    /// All compiled policies.
    pub catalog: CatalogReceiver,
    /// All connected routers.
    pub registry: Arc<Registry>,
    /// What a gateway is told.
    pub router: Arc<RouterPod>,
    /// Writes status and publishes events.
    pub status: StatusWriter<RoutingPolicy>,
    /// Whose turn it is.
    pub turns: Turns,
}

/// Brings one policy's gateway and status to what its spec says.
pub async fn reconcile(
    object: Arc<DeserializeGuard<RoutingPolicy>>,
    ctx: Arc<Context>,
) -> Result<Action, ReconcileError> {
    let Some(object) = ctx.turns.due(&object) else { return Ok(Action::await_change()) };
    // The index has not seen this generation yet; it has the policy reconciled when it has.
    let key = ObjectKey::of(object);
    let entry = ctx.catalog.borrow().as_ref().and_then(|catalog| catalog.get(&key));
    let Some(entry) = entry.filter(|entry| entry.generation == object.metadata.generation) else {
        return Ok(Action::await_change());
    };
    ctx.turns.take(object, Box::pin(steps(object, &entry, &ctx))).await
}

async fn steps(object: &RoutingPolicy, entry: &Arc<Entry>, ctx: &Context) -> Result<Action, ReconcileError> {
    let object = ctx.status.newest(object);
    let object = object.as_ref();
    let compiled = match &entry.verdict {
        Verdict::Conflicted(conflict) => {
            // What is in force no longer is not written; what the spec took back goes all the same.
            let removed =
                if object.spec.gateway.is_none() { remove_gateway(object, ctx).await } else { Ok(()) };
            let outcome = Outcome::Conflicted(conflict, removed.as_ref().copied());
            let status = status(object, &outcome, Timestamp::now());
            ctx.status.write(object, object.status.as_ref(), &status).await?;
            removed?;
            return Ok(Action::await_change());
        }
        Verdict::Compiled(compiled) => compiled,
    };
    let applied = apply_gateway(object, ctx).await;
    let totals = ctx.registry.totals(entry);
    let outcome = Outcome::Published(compiled, &totals, applied.as_ref().copied());
    ctx.status.write(object, object.status.as_ref(), &status(object, &outcome, Timestamp::now())).await?;
    applied?;
    Ok(Action::await_change())
}

async fn apply_gateway(object: &RoutingPolicy, ctx: &Context) -> Result<(), ApplyError> {
    let Some(Gateway { service, deployment }) = gateway::build(object, &ctx.router) else {
        return remove_gateway(object, ctx).await;
    };
    ctx.appliers.services.apply(&service).await?;
    ctx.appliers.deployments.apply(&deployment).await?;
    Ok(())
}

/// Only a policy that once had a gateway says so in its status, and it does until all of that gateway is gone.
async fn remove_gateway(object: &RoutingPolicy, ctx: &Context) -> Result<(), ApplyError> {
    if object.status.as_ref().is_none_or(|status| status.endpoint.is_none()) {
        return Ok(());
    }
    let key = ObjectKey::of(object);
    let name = gateway::gateway_name(&key.name);
    let uid = object.metadata.uid.as_deref().unwrap_or_default();
    delete_if_ours::<Deployment>(&ctx.client, &key.namespace, &name, uid).await?;
    delete_if_ours::<Service>(&ctx.client, &key.namespace, &name, uid).await?;
    Ok(())
}
