//! Asks an engine's log once for each start what the engine took. The only slow step of a reconcile, so it comes last.

use super::build::{Applied, Children};
use super::dereference::Observed;
use super::failure::{ENGINE_CONTAINER, PodFacts};
use crate::decide::observe::{Reading, read};
use crate::kube_ext::within;
use flotilla_crds::ModelDeployment;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::LogParams;
use kube::{Api, Client};
use parking_lot::Mutex;
use std::collections::BTreeMap;

/// How much of a log is read, from its start: llama.cpp's load lines of a large model end within 100 KiB.
const LOG_BYTES: i64 = 512 * 1024;
/// Pods that are remembered. Beyond, all are forgotten, and those without an answer in their status asked again.
const REMEMBERED: usize = 4096;

/// The replica to ask: the newest that serves, unless the status knows of it already or an older template's replicas
/// are still about, whose figures belong to another estimate.
pub fn due<'a>(
    object: &ModelDeployment,
    observed: &'a Observed,
    children: &Children<Applied>,
) -> Option<&'a PodFacts> {
    if !is_rolled_out(&children.deployment) {
        return None;
    }
    let newest = observed.pods.iter().rev().find(|pod| pod.ready && !pod.terminating)?;
    let memory = object.status.as_ref().and_then(|status| status.memory.as_ref());
    let known = memory.and_then(|memory| memory.observed.as_ref());
    (known.is_none_or(|known| known.pod != newest.name)).then_some(newest)
}

fn is_rolled_out(deployment: &Deployment) -> bool {
    deployment.status.as_ref().is_some_and(|status| {
        status.observed_generation >= deployment.metadata.generation
            && status.updated_replicas == status.replicas
    })
}

/// Reads the logs of engines.
pub struct EngineLogs {
    client: Client,
    /// What each pod's log said; nothing for one that said nothing or could not be read.
    answers: Mutex<BTreeMap<String, Option<Reading>>>,
}

impl EngineLogs {
    /// Reads with this client.
    pub fn new(client: Client) -> Self {
        Self { client, answers: Mutex::default() }
    }

    /// Whether asking again costs no call.
    pub fn knows(&self, namespace: &str, pod: &str) -> bool {
        self.answers.lock().contains_key(&key(namespace, pod))
    }

    /// What the engine of a pod took. Never an error: a figure that is not there is only not shown.
    pub async fn reading(&self, namespace: &str, pod: &str) -> Option<Reading> {
        if let Some(answer) = self.answers.lock().get(&key(namespace, pod)) {
            return answer.clone();
        }
        let params = LogParams {
            container: Some(ENGINE_CONTAINER.to_owned()),
            limit_bytes: Some(LOG_BYTES),
            ..LogParams::default()
        };
        let api: Api<Pod> = Api::namespaced(self.client.clone(), namespace);
        let answer = within(|| format!("could not read the log of pod {pod}"), api.logs(pod, &params)).await;
        let reading = match answer {
            Ok(log) => read(&log),
            Err(error) => {
                tracing::info!(namespace, %error, "what the engine took is not shown");
                None
            }
        };
        let mut answers = self.answers.lock();
        if answers.len() >= REMEMBERED {
            answers.clear();
        }
        answers.insert(key(namespace, pod), reading.clone());
        reading
    }
}

fn key(namespace: &str, pod: &str) -> String {
    format!("{namespace}/{pod}")
}
