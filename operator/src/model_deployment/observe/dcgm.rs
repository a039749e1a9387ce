//! What NVIDIA's dcgm-exporter on the replica's node sees of its GPU.

use super::{Replica, Unasked};
use crate::decide::observe::{Reading, dcgm};
use crate::kube_ext::within;
use crate::model_deployment::failure::ENGINE_CONTAINER;
use crate::scrape::Scraper;
use k8s_openapi::api::core::v1::Pod;
use kube::api::ListParams;
use kube::{Api, Client};
use std::net::IpAddr;

/// How the exporter's pods are labelled: by the GPU operator, and by the exporter's own chart.
pub(super) const LABELS: [&str; 2] = ["app=nvidia-dcgm-exporter", "app.kubernetes.io/name=dcgm-exporter"];
/// The exporter's port, unless its pod names one.
const PORT: u16 = 9400;
/// One runs on each node.
const MOST_PODS: u32 = 2;

pub(super) async fn ask(
    client: &Client,
    scraper: &Scraper,
    namespace: &str,
    replica: &Replica<'_>,
) -> Result<Option<Reading>, Unasked> {
    let Some(node) = replica.gpu_node else { return Ok(None) };
    let Some((ip, port)) = exporter(client, namespace, node).await? else { return Ok(None) };
    match scraper.metrics(ip, port).await {
        Ok(text) => {
            let device = dcgm::read(&text, replica.namespace, &replica.pod.name, ENGINE_CONTAINER);
            Ok(device.map(|device| Reading { device: Some(device), ..Reading::default() }))
        }
        Err(error) => {
            tracing::info!(%error, "what the GPU of a replica holds is not shown: dcgm-exporter did not answer");
            Err(Unasked)
        }
    }
}

/// Where the exporter of a node listens.
async fn exporter(client: &Client, namespace: &str, node: &str) -> Result<Option<(IpAddr, u16)>, Unasked> {
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    for labels in LABELS {
        let params =
            ListParams::default().labels(labels).fields(&format!("spec.nodeName={node}")).limit(MOST_PODS);
        let found = within(|| format!("could not look for dcgm-exporter on {node}"), api.list(&params)).await;
        let pods = match found {
            Ok(pods) => pods,
            Err(error) => {
                tracing::info!(%error, "what the GPU of a replica holds is not shown");
                return if error.is_refused() { Ok(None) } else { Err(Unasked) };
            }
        };
        if let Some(address) = pods.items.iter().find_map(address) {
            return Ok(Some(address));
        }
    }
    Ok(None)
}

fn address(pod: &Pod) -> Option<(IpAddr, u16)> {
    let ip = pod.status.as_ref()?.pod_ip.as_ref()?.parse().ok()?;
    let containers = pod.spec.as_ref().map(|spec| spec.containers.as_slice()).unwrap_or_default();
    let mut ports = containers.iter().flat_map(|container| container.ports.as_deref().unwrap_or_default());
    let named = ports.find(|port| port.name.as_deref() == Some("metrics"));
    let port = named.and_then(|port| u16::try_from(port.container_port).ok());
    Some((ip, port.unwrap_or(PORT)))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn of(status: &Value, ports: &Value) -> Option<(IpAddr, u16)> {
        let pod = json!({"metadata": {}, "spec": {"containers": [{"name": "e", "ports": ports}]}, "status": status});
        address(&serde_json::from_value(pod).unwrap())
    }

    #[test]
    fn an_exporter_is_found_at_its_metrics_port() {
        let ip = json!({"podIP": "10.0.0.7"});
        let at = |port| Some(("10.0.0.7".parse().unwrap(), port));
        assert_eq!(of(&ip, &json!([{"name": "metrics", "containerPort": 9401}])), at(9401));
        assert_eq!(of(&ip, &json!([{"name": "other", "containerPort": 1}])), at(PORT));
        assert_eq!(of(&json!({}), &json!([])), None, "not started");
    }
}
