//! What the operator takes while two thousand models are at rest.

use flotilla_e2e::bed::{container_cpu, pod_memory};
use flotilla_e2e::harness::{HarnessError, INSTALL_NAMESPACE, Result};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod};
use kube::api::ListParams;
use kube::{Api, Client, ResourceExt as _};
use std::time::{Duration, Instant};

/// Until the last statuses are written: how many GPUs are free is brought up to date in all of them every five minutes.
const SETTLES: Duration = Duration::from_mins(6);
/// Long enough for everything that is done from time to time.
const LASTS: Duration = Duration::from_mins(2);

/// Prints the share of a core that each of its pods takes, and its memory. None may have been started again.
pub async fn measure(client: &Client) -> Result<()> {
    let api: Api<Pod> = Api::namespaced(client.clone(), INSTALL_NAMESPACE);
    let selected = ListParams::default().labels("app.kubernetes.io/component=operator");
    let pods = api.list(&selected).await.map_err(HarnessError::api("list the operator's pods"))?.items;
    tokio::time::sleep(SETTLES).await;
    let (start, before) = (Instant::now(), pods.iter().map(cpu).collect::<Result<Vec<_>>>()?);
    tokio::time::sleep(LASTS).await;
    for (pod, before) in pods.iter().zip(before) {
        let share = cpu(pod)?.saturating_sub(before).as_secs_f64() / start.elapsed().as_secs_f64();
        let leads = if pod.labels().contains_key("flotilla.dev/leader") { "leads" } else { "stands by" };
        let memory = pod_memory(&container(pod)?)?;
        println!(
            "at rest the operator that {leads} takes {:.2} % of a core and {} MiB; at most it took {} MiB",
            share * 100.0,
            memory.held >> 20,
            memory.peak >> 20
        );
        let present = api.get(&pod.name_any()).await.map_err(HarnessError::api("get an operator's pod"))?;
        if container(&present)? != container(pod)? || restarts(&present) > 0 {
            let text = format!("its container was started again: {:?}", present.status);
            return Err(HarnessError::Answer { what: pod.name_any(), text });
        }
    }
    Ok(())
}

fn cpu(pod: &Pod) -> Result<Duration> {
    Ok(container_cpu(&container(pod)?)?)
}

/// The id of its one container.
fn container(pod: &Pod) -> Result<String> {
    let id = statuses(pod).find_map(|status| status.container_id.clone());
    let none = || HarnessError::Answer { what: pod.name_any(), text: "no container runs".to_owned() };
    id.ok_or_else(none)
}

fn restarts(pod: &Pod) -> i32 {
    statuses(pod).map(|status| status.restart_count).sum()
}

fn statuses(pod: &Pod) -> impl Iterator<Item = &ContainerStatus> {
    pod.status.iter().flat_map(|status| status.container_statuses.iter().flatten())
}
