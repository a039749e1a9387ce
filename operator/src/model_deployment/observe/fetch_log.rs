//! What a running fetcher wrote last.

use crate::kube_ext::within;
use crate::model_deployment::failure::PodFacts;
use crate::model_deployment::fetching::Download;
use flotilla_model_source::report::Progress;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use kube::{Api, Client};

/// A line of progress is among the last few, between words on retries.
const LINES: i64 = 10;

/// Asks the newest pod whose fetcher runs. A log that cannot be read leaves the figures out.
pub(in crate::model_deployment) async fn download(
    client: &Client,
    namespace: &str,
    pods: &[PodFacts],
) -> Option<Download> {
    let (pod, container) = pods.iter().rev().filter(|pod| !pod.terminating).find_map(|pod| {
        let fetching = pod.fetching.as_ref().filter(|fetching| fetching.running)?;
        Some((&pod.name, &fetching.container))
    })?;
    let params =
        LogParams { container: Some(container.clone()), tail_lines: Some(LINES), ..LogParams::default() };
    let api: Api<Pod> = Api::namespaced(client.clone(), namespace);
    let log =
        within(|| format!("could not read the fetcher's log of pod {pod}"), api.logs(pod, &params)).await;
    let progress = match log {
        Ok(log) => Progress::last_of(&log),
        Err(error) => {
            tracing::info!(namespace, %error, "how far a download is, is not shown");
            None
        }
    };
    Some(Download { pod: pod.clone(), container: container.clone(), progress })
}
