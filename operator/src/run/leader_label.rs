//! Marks the leader's pod, so that the routers' Service leads to it: what routers report is then where status is
//! written. The other replicas serve the webhook and take over both soon after it. See docs/adr/0003.

use crate::kube_ext::{CallError, FIELD_MANAGER, within};
use crate::lease::Leadership;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use std::time::Duration;
use tokio_util::sync::CancellationToken;

/// The label that the Service selects.
const LABEL: &str = "flotilla.dev/leader";
/// Between two tries when a patch failed.
const RETRY: Duration = Duration::from_secs(2);

/// Keeps the label of this pod true to its leadership. A container that restarted takes a stale label away first.
pub(super) async fn keep(
    client: Client,
    namespace: String,
    pod: String,
    mut leadership: Leadership,
    shutdown: CancellationToken,
) -> anyhow::Result<()> {
    let api: Api<Pod> = Api::namespaced(client, &namespace);
    loop {
        let written = write(&api, &pod, leadership.is_leader()).await;
        let failed = written.as_ref().is_err_and(|error| !error.is_not_found());
        if let Err(error) = written {
            tracing::warn!(%error, "routers may not find this replica");
        }
        tokio::select! {
            () = shutdown.cancelled() => return Ok(()),
            () = tokio::time::sleep(RETRY), if failed => {}
            true = leadership.changed() => {}
        }
    }
}

async fn write(api: &Api<Pod>, pod: &str, leads: bool) -> Result<(), CallError> {
    let patch = Patch::Merge(json!({"metadata": {"labels": {LABEL: leads.then_some("true")}}}));
    let params = PatchParams { field_manager: Some(FIELD_MANAGER.to_owned()), ..PatchParams::default() };
    within(|| format!("could not label pod {pod}"), api.patch_metadata(pod, &params, &patch)).await.map(drop)
}
