//! What the engine wrote at its start.

use super::{Replica, Unasked};
use crate::decide::observe::{Reading, read};
use crate::kube_ext::within;
use crate::model_deployment::failure::ENGINE_CONTAINER;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use kube::{Api, Client};

/// How much of a log is read, from its start: llama.cpp's load lines of a large model end within 100 KiB.
const LOG_BYTES: i64 = 512 * 1024;

pub(super) async fn ask(client: &Client, replica: &Replica<'_>) -> Result<Option<Reading>, Unasked> {
    let params = LogParams {
        container: Some(ENGINE_CONTAINER.to_owned()),
        limit_bytes: Some(LOG_BYTES),
        ..LogParams::default()
    };
    let pod = replica.pod.name.as_str();
    let api: Api<Pod> = Api::namespaced(client.clone(), replica.namespace);
    match within(|| format!("could not read the log of pod {pod}"), api.logs(pod, &params)).await {
        Ok(log) => Ok(read(&log)),
        Err(error) => {
            tracing::info!(namespace = replica.namespace, %error, "what the engine logged that it took is not shown");
            if error.is_refused() { Ok(None) } else { Err(Unasked) }
        }
    }
}
