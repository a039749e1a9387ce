//! The operator's pod that leads: the one whose metrics are what was decided.

use super::error::Result;
use super::install::NAMESPACE;
use super::wait::wait_until;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use std::time::Duration;

/// For an election after a restart.
const ELECTION: Duration = Duration::from_mins(2);

/// Waits until there is one.
///
/// # Errors
/// If none leads in time.
pub async fn leader(client: &Client) -> Result<Pod> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), NAMESPACE);
    wait_until("an operator to lead", ELECTION, async || {
        let leads = ListParams::default().labels("flotilla.dev/leader=true");
        let pods = pods.list(&leads).await.map_err(|error| error.to_string())?;
        pods.items.into_iter().next().ok_or_else(|| "no pod has the label".to_owned())
    })
    .await
}
