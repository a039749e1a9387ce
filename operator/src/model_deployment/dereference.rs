//! Everything a reconcile reads, read in one place.

use super::failure::PodFacts;
use super::fetching::Download;
use super::file::{Files, Look};
use super::observe::download;
use crate::decide::placement::Inventory;
use crate::fleet::{Capacity, Stores};
use crate::routing_policy::ObjectKey;
use flotilla_crds::{ModelDeployment, labels};
use k8s_openapi::api::core::v1::Pod;
use kube::Client;
use std::sync::Arc;
use std::time::Duration;

/// What the cluster looks like to one `ModelDeployment`.
#[derive(Debug, Clone)]
pub struct Observed {
    /// All GPU nodes, and what pods have of them.
    pub inventory: Arc<Inventory>,
    /// Its engine pods, oldest first.
    pub pods: Vec<PodFacts>,
    /// What its model file says.
    pub file: Look,
    /// How far the newest pod is whose model is being fetched.
    pub download: Option<Download>,
}

/// How often a download is looked at.
const DOWNLOAD_AGAIN: Duration = Duration::from_secs(5);

impl Observed {
    /// When looking again may tell more.
    pub fn again(&self) -> Option<Duration> {
        let download = self.download.as_ref().map(|_| DOWNLOAD_AGAIN);
        [self.file.again, download].into_iter().flatten().min()
    }
}

/// Reads the caches, and waits a moment for the model file's head where that is not known yet.
pub async fn dereference(
    client: &Client,
    stores: &Stores,
    capacity: &Capacity,
    files: &Files,
    object: &ModelDeployment,
) -> Observed {
    let key = ObjectKey::of(object);
    let belongs = |pod: &Pod| {
        pod.metadata.namespace.as_deref() == Some(&key.namespace)
            && pod.metadata.labels.as_ref().and_then(|l| l.get(labels::MODEL_DEPLOYMENT)) == Some(&key.name)
    };
    let mut pods: Vec<_> =
        stores.pods.state().iter().filter(|pod| belongs(pod)).map(|pod| PodFacts::of(pod)).collect();
    pods.sort_by(|a, b| (a.created, &a.name).cmp(&(b.created, &b.name)));
    let (inventory, file, download) =
        tokio::join!(capacity.inventory(), files.look(object), download(client, &key.namespace, &pods));
    Observed { inventory, pods, file, download }
}
