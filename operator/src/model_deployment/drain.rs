//! Marks the pods that are to go, and lets the Deployment follow only when routers have left them and they have answered
//! what they had.

use super::failure::PodFacts;
use super::observe::Observer;
use crate::decide::drain::{Replica, routers_are_known, step};
use crate::kube_ext::{CallError, within};
use crate::push::Routers;
use crate::routing_policy::ObjectKey;
use flotilla_crds::labels;
use futures::StreamExt as _;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::Pod;
use kube::api::{Patch, PatchParams};
use kube::{Api, Client};
use serde_json::json;
use std::time::Duration;

/// How soon to look again whether routers have left a pod.
pub(super) const AGAIN: Duration = Duration::from_secs(1);
/// Engines that are asked at a time whether they answer anything.
const AT_A_TIME: usize = 16;
/// Lower than the cost of pods that stay, which is 0.
const DELETION_COST: &str = "-1";

/// The replicas of one object, and who may send them requests.
pub struct Drain<'a> {
    /// Whose they are.
    pub key: ObjectKey,
    /// Its pods.
    pub pods: &'a [PodFacts],
    /// The routers.
    pub routers: &'a Routers,
    /// Asks engines whether they answer anything.
    pub observer: &'a Observer,
    /// The port of their metrics.
    pub port: Option<u16>,
    /// How long what they answer may take.
    pub timeout: Duration,
    /// Since when this operator leads.
    pub leads_since: Timestamp,
    /// Now.
    pub now: Timestamp,
}

impl Drain<'_> {
    /// How many replicas the Deployment is to have now, on the way to `wanted`; marks pods as it must.
    ///
    /// # Errors
    /// A pod could not be marked.
    pub async fn replicas(
        &self,
        client: &Client,
        wanted: i32,
        live: Option<&Deployment>,
    ) -> Result<i32, CallError> {
        let count = |replicas: i32| u32::try_from(replicas).unwrap_or(0);
        let Some(current) = live.and_then(|live| live.spec.as_ref()?.replicas) else {
            return Ok(wanted);
        };
        let mut replicas: Vec<_> =
            self.pods.iter().filter(|pod| !pod.terminating).map(|pod| self.replica(pod)).collect();
        if wanted < current {
            self.ask(&mut replicas).await;
        }
        let finish = SignedDuration::try_from(self.timeout).unwrap_or(SignedDuration::MAX);
        let step = step(count(wanted), count(current), &replicas, finish, self.now);
        let api: Api<Pod> = Api::namespaced(client.clone(), &self.key.namespace);
        for (name, mark) in
            step.mark.iter().map(|name| (name, true)).chain(step.unmark.iter().map(|name| (name, false)))
        {
            let annotations = json!({
                labels::DRAINING_SINCE: mark.then(|| self.now.to_string()),
                labels::POD_DELETION_COST: mark.then_some(DELETION_COST),
            });
            let patch = Patch::Merge(json!({"metadata": {"annotations": annotations}}));
            let params = PatchParams::default();
            let marked = api.patch(name, &params, &patch);
            match within(|| format!("could not mark pod {name}"), marked).await {
                // One that is gone already need not be told.
                Err(error) if !error.is_not_found() => return Err(error),
                _ => {}
            }
        }
        Ok(i32::try_from(step.replicas).unwrap_or(i32::MAX))
    }

    fn replica(&self, pod: &PodFacts) -> Replica {
        let known = || routers_are_known(self.leads_since, self.now);
        let left = || pod.ip.is_none_or(|ip| known() && self.routers.left(&self.key, ip));
        Replica {
            name: pod.name.clone(),
            serves: pod.ready,
            lapsed: pod.ready_since.filter(|_| !pod.ready && pod.loaded),
            created: pod.created,
            marked: pod.draining_since,
            told: pod.draining_since.map(|marked| marked.max(self.leads_since)),
            left: pod.draining_since.is_some() && left(),
            answers: false,
        }
    }

    /// Only those that routers have left are asked what they do: until then they get more. Those that do not serve just
    /// now get none.
    async fn ask(&self, replicas: &mut [Replica]) {
        let mut asked = Vec::new();
        let gets_none = |replica: &&mut Replica| {
            if replica.serves { replica.is_left(self.now) } else { replica.lapsed.is_some() }
        };
        for replica in replicas.iter_mut().filter(gets_none) {
            let pod = self.pods.iter().find(|pod| pod.name == replica.name);
            if let Some((ip, port)) = pod.and_then(|pod| pod.ip).zip(self.port) {
                asked.push(async move { replica.answers = self.observer.answers_requests(ip, port).await });
            }
        }
        futures::stream::iter(asked).buffer_unordered(AT_A_TIME).collect::<()>().await;
    }
}
