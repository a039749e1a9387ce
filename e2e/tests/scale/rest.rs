//! What the operator takes while two thousand models are at rest.

use flotilla_e2e::bed::container_cpu;
use flotilla_e2e::harness::{HarnessError, INSTALL_NAMESPACE, Result};
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use std::time::{Duration, Instant};

/// Until the last statuses are written: how many GPUs are free is brought up to date in all of them every five minutes.
const SETTLES: Duration = Duration::from_mins(6);
/// Long enough for everything that is done from time to time.
const LASTS: Duration = Duration::from_mins(2);

/// Prints the share of a core that each of its pods takes.
pub async fn measure(client: &Client) -> Result<()> {
    let pods: Api<Pod> = Api::namespaced(client.clone(), INSTALL_NAMESPACE);
    let selected = ListParams::default().labels("app.kubernetes.io/component=operator");
    let pods = pods.list(&selected).await.map_err(HarnessError::api("list the operator's pods"))?.items;
    tokio::time::sleep(SETTLES).await;
    let (start, before) = (Instant::now(), pods.iter().map(cpu).collect::<Result<Vec<_>>>()?);
    tokio::time::sleep(LASTS).await;
    for (pod, before) in pods.iter().zip(before) {
        let share = cpu(pod)?.saturating_sub(before).as_secs_f64() / start.elapsed().as_secs_f64();
        let leads = if pod.labels().contains_key("flotilla.dev/leader") { "leads" } else { "stands by" };
        println!("at rest the operator that {leads} takes {:.2} % of a core", share * 100.0);
    }
    Ok(())
}

fn cpu(pod: &Pod) -> Result<Duration> {
    let mut statuses = pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten());
    let id = statuses.find_map(|status| status.container_id.as_deref());
    let none = || HarnessError::Answer { what: pod.name_any(), text: "no container runs".to_owned() };
    Ok(container_cpu(id.ok_or_else(none)?)?)
}
