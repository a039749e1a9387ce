//! The pods of a model as supply.

use crate::decide::scale::Supply;
use crate::model_deployment::failure::draining_since;
use flotilla_crds::labels;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::Pod;
use std::collections::HashMap;
use std::sync::Arc;

/// The pods of one `ModelDeployment`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pods<'a> {
    /// They serve.
    pub ready: u32,
    /// They have a node and do not serve yet.
    pub loading: u32,
    /// They have no node yet.
    pub pending: u32,
    /// They are on their way out, or are to go next.
    pub terminating: u32,
    /// When the oldest of those that do not serve yet was made.
    pub coming_since: Option<Timestamp>,
    /// How long the newest of those that serve took from being made to serving.
    pub start: Option<SignedDuration>,
    /// Where one of them runs.
    pub node: Option<&'a str>,
    newest: Option<Timestamp>,
}

/// Counts the pods of every model, by its namespace and name.
pub fn by_model(pods: &[Arc<Pod>]) -> HashMap<(&str, &str), Pods<'_>> {
    let mut all: HashMap<(&str, &str), Pods<'_>> = HashMap::with_capacity(pods.len());
    for pod in pods {
        let meta = &pod.metadata;
        let label = meta.labels.as_ref().and_then(|labels| labels.get(labels::MODEL_DEPLOYMENT));
        if let (Some(name), Some(namespace)) = (label, &meta.namespace) {
            all.entry((namespace, name)).or_default().add(pod);
        }
    }
    all
}

impl<'a> Pods<'a> {
    fn add(&mut self, pod: &'a Pod) {
        if pod.metadata.deletion_timestamp.is_some() || draining_since(pod).is_some() {
            self.terminating += 1;
            return;
        }
        let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let status = pod.status.as_ref();
        let conditions = status.and_then(|status| status.conditions.as_deref()).unwrap_or_default();
        let ready = conditions.iter().find(|c| c.type_ == "Ready" && c.status == "True");
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        self.node = self.node.or(node);
        if let Some(ready) = ready {
            self.ready += 1;
            let since = ready.last_transition_time.as_ref().map(|time| time.0);
            if let (Some(created), Some(since)) = (created, since)
                && self.newest.is_none_or(|newest| created > newest)
            {
                self.newest = Some(created);
                self.start = Some(since.duration_since(created).max(SignedDuration::from_secs(1)));
            }
            return;
        }
        if node.is_some() {
            self.loading += 1;
        } else {
            self.pending += 1;
        }
        if let Some(created) = created {
            self.coming_since = Some(self.coming_since.map_or(created, |oldest| oldest.min(created)));
        }
    }

    /// What there is of `desired` replicas: those that are not made yet are pending, those beyond are going.
    /// `start` is how long a replica takes to serve.
    pub fn supply(&self, desired: u32, start: SignedDuration, now: Timestamp) -> Supply {
        let mut left = desired;
        let mut take = |there: u32| {
            let taken = there.min(left);
            left -= taken;
            taken
        };
        let (ready, loading, pending) = (take(self.ready), take(self.loading), take(self.pending));
        let beyond = (self.ready + self.loading + self.pending) - (ready + loading + pending);
        let waits = loading + pending + left > 0;
        let age = self.coming_since.map_or(SignedDuration::ZERO, |since| now.duration_since(since));
        Supply {
            ready,
            loading,
            pending: pending + left,
            draining: self.terminating + beyond,
            arrives_in: waits.then(|| (start - age).max(SignedDuration::ZERO)),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn pod(ready: bool, node: Option<&str>, gone: bool) -> Arc<Pod> {
        let mut pod = json!({
            "metadata": {"name": "p", "namespace": "apps", "labels": {labels::MODEL_DEPLOYMENT: "llama"},
                "creationTimestamp": "2026-01-05T10:00:00Z"},
            "spec": {"containers": [], "nodeName": node},
            "status": {"conditions": [{"type": "Ready", "status": if ready { "True" } else { "False" },
                "lastTransitionTime": "2026-01-05T10:00:42Z"}]},
        });
        if gone {
            pod["metadata"]["deletionTimestamp"] = json!("2026-01-05T11:00:00Z");
        }
        Arc::new(serde_json::from_value(pod).unwrap())
    }

    fn count(pods: &[Arc<Pod>]) -> Pods<'_> {
        by_model(pods).into_values().next().unwrap_or_default()
    }

    #[test]
    fn what_is_not_made_yet_is_pending_and_what_is_too_much_is_going() {
        let now = "2026-01-05T10:01:00Z".parse().unwrap();
        let start = SignedDuration::from_secs(90);
        let all = [
            pod(true, Some("a"), false),
            pod(false, Some("b"), false),
            pod(false, None, false),
            pod(true, Some("c"), true),
        ];
        let pods = count(&all);
        assert_eq!((pods.start, pods.node), (Some(SignedDuration::from_secs(42)), Some("a")));
        for (desired, ready, loading, pending, draining) in
            [(5, 1, 1, 3, 1), (3, 1, 1, 1, 1), (2, 1, 1, 0, 2), (1, 1, 0, 0, 3), (0, 0, 0, 0, 4)]
        {
            let supply = pods.supply(desired, start, now);
            let counts = (supply.ready, supply.loading, supply.pending, supply.draining);
            assert_eq!(counts, (ready, loading, pending, draining), "{desired} desired");
            assert_eq!(supply.replicas(), desired);
            let waits = (desired > 1).then_some(SignedDuration::from_secs(30));
            assert_eq!(supply.arrives_in, waits, "{desired} desired");
        }
    }

    #[test]
    fn a_start_that_takes_longer_than_usual_is_due() {
        let late = "2026-01-05T12:00:00Z".parse().unwrap();
        let supply = count(&[pod(false, Some("a"), false)]).supply(1, SignedDuration::from_secs(60), late);
        assert_eq!(supply.arrives_in, Some(SignedDuration::ZERO));
    }
}
