//! The pods of a model as supply.

use super::start::Started;
use crate::decide::scale::Supply;
use crate::model_deployment::failure::{self, draining_since};
use flotilla_crds::labels;
use jiff::{SignedDuration, Timestamp};
use k8s_openapi::api::core::v1::{ContainerStatus, Pod, PodCondition};
use std::collections::HashMap;
use std::sync::Arc;

/// A pod that is there so long after the end of its grace period is on a node that says nothing any more. It goes when
/// the node does, which can take hours, and nothing waits for it.
const OVERDUE: SignedDuration = SignedDuration::from_mins(1);

/// So long the GPUs of a pod that was given a node may count as free: until the inventory has heard of it.
const SETTLED: SignedDuration = SignedDuration::from_secs(5);
/// The scheduler gives a pod a node within seconds, if there is one for it.
const STUCK: SignedDuration = SignedDuration::from_secs(30);

/// A container that was started again so often, and ended within so long each time as far as is known, will hardly come
/// up at the next try.
const TRIES: i32 = 2;
const SHORT: SignedDuration = SignedDuration::from_mins(10);

/// The pods of one `ModelDeployment`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Pods<'a> {
    /// They serve.
    pub ready: u32,
    /// They have a node and do not serve yet.
    pub loading: u32,
    /// They have no node yet.
    pub pending: u32,
    /// They are on their way out.
    pub terminating: u32,
    /// They are to go next. Until they were told to stop they have their GPUs, and go on if they are wanted again.
    pub marked: u32,
    /// When the oldest of those that do not serve yet was made.
    pub coming_since: Option<Timestamp>,
    /// The newest of those that serve, unless its engine was started again since: then nobody knows.
    pub newest: Option<Started>,
    /// Of those that load, so many were given their node just now.
    pub placed: u32,
    /// Of those that have no node, so many have waited for one long.
    pub stuck: u32,
    /// Of those that load, so many end again and again, or cannot be started.
    pub failing: u32,
    /// Where they are, once for each of them that has a node and stays; sorted.
    pub nodes: Vec<&'a str>,
}

/// Counts the pods of every model, by its namespace and name.
pub fn by_model(pods: &[Arc<Pod>], now: Timestamp) -> HashMap<(&str, &str), Pods<'_>> {
    let mut all: HashMap<(&str, &str), Pods<'_>> = HashMap::with_capacity(pods.len());
    for pod in pods {
        let meta = &pod.metadata;
        let label = meta.labels.as_ref().and_then(|labels| labels.get(labels::MODEL_DEPLOYMENT));
        if let (Some(name), Some(namespace)) = (label, &meta.namespace) {
            all.entry((namespace, name)).or_default().add(pod, now);
        }
    }
    for pods in all.values_mut() {
        pods.nodes.sort_unstable();
    }
    all
}

impl<'a> Pods<'a> {
    fn add(&mut self, pod: &'a Pod, now: Timestamp) {
        let goes = pod.metadata.deletion_timestamp.as_ref().map(|time| time.0);
        if goes.is_some_and(|goes| now.duration_since(goes) > OVERDUE) {
            return;
        }
        if goes.is_some() {
            self.terminating += 1;
            return;
        }
        if draining_since(pod).is_some() {
            self.marked += 1;
            return;
        }
        let created = pod.metadata.creation_timestamp.as_ref().map(|time| time.0);
        let ready = condition(pod, "Ready");
        let node = pod.spec.as_ref().and_then(|spec| spec.node_name.as_deref());
        self.nodes.extend(node);
        if let Some(ready) = ready {
            self.ready += 1;
            if let Some(started) = created.and_then(|created| started(pod, created, ready))
                && self.newest.is_none_or(|newest| started.made > newest.made)
            {
                self.newest = Some(started);
            }
            return;
        }
        let passed = |since: Timestamp| now.duration_since(since);
        if node.is_some() {
            self.loading += 1;
            self.failing += u32::from(fails(pod));
            let since = condition(pod, "PodScheduled").and_then(changed).or(created);
            self.placed += u32::from(since.is_some_and(|since| passed(since) < SETTLED));
        } else {
            self.pending += 1;
            self.stuck += u32::from(created.is_some_and(|since| passed(since) > STUCK));
        }
        if let Some(created) = created {
            self.coming_since = Some(self.coming_since.map_or(created, |oldest| oldest.min(created)));
        }
    }

    /// What there is of `desired` replicas: those that are not made yet are pending, those beyond that serve are going.
    /// Others beyond are none of the replicas: a rollout that does not come to an end has some.
    /// `start` is how long a replica takes to serve.
    pub fn supply(&self, desired: u32, start: SignedDuration, now: Timestamp) -> Supply {
        let mut left = desired;
        let mut take = |there: u32| {
            let taken = there.min(left);
            left -= taken;
            taken
        };
        let (ready, loading, pending) = (take(self.ready), take(self.loading), take(self.pending));
        let waits = loading + pending + left > 0;
        let may_stay = self.marked + (self.ready - ready);
        let age = self.coming_since.map_or(SignedDuration::ZERO, |since| now.duration_since(since));
        Supply {
            ready,
            loading,
            pending: pending + left,
            stuck: self.stuck.min(pending),
            failing: self.failing.min(loading),
            draining: self.terminating + may_stay,
            // They stay before others are made.
            may_stay: may_stay.saturating_sub(pending + left),
            arrives_in: waits.then(|| (start - age).max(SignedDuration::ZERO)),
        }
    }
}

/// Whether the kubelet has given up on a container of it for now, or is at one more of many tries.
fn fails(pod: &Pod) -> bool {
    let Some(status) = &pod.status else { return false };
    let any = |containers: &Option<Vec<ContainerStatus>>, fails: fn(&ContainerStatus) -> bool| {
        containers.iter().flatten().any(fails)
    };
    // A download that is started again goes on where it ended.
    any(&status.init_container_statuses, waits_in_vain)
        || any(&status.container_statuses, |container| waits_in_vain(container) || is_tried_again(container))
}

fn waits_in_vain(container: &ContainerStatus) -> bool {
    let waiting = container.state.as_ref().and_then(|state| state.waiting.as_ref());
    waiting.and_then(|waiting| waiting.reason.as_deref()).is_some_and(failure::is_given_up)
}

/// It has not come up, and neither did it for long the last time.
fn is_tried_again(container: &ContainerStatus) -> bool {
    let last = container.last_state.as_ref().and_then(|state| state.terminated.as_ref());
    let ran =
        last.and_then(|last| Some(last.finished_at.as_ref()?.0.duration_since(last.started_at.as_ref()?.0)));
    container.started != Some(true) && container.restart_count >= TRIES && ran.is_some_and(|ran| ran < SHORT)
}

/// A condition that is true.
fn condition<'a>(pod: &'a Pod, name: &str) -> Option<&'a PodCondition> {
    let conditions = pod.status.as_ref()?.conditions.as_deref()?;
    conditions.iter().find(|condition| condition.type_ == name && condition.status == "True")
}

/// From having a node to serving: how long a node was waited for says nothing of the next replica.
fn started(pod: &Pod, made: Timestamp, ready: &PodCondition) -> Option<Started> {
    let containers = pod.status.as_ref()?.container_statuses.as_deref().unwrap_or_default();
    if containers.iter().any(|container| container.restart_count > 0) {
        return None;
    }
    let scheduled = condition(pod, "PodScheduled").and_then(changed).unwrap_or(made);
    Some(Started { made, took: changed(ready)?.duration_since(scheduled) })
}

fn changed(condition: &PodCondition) -> Option<Timestamp> {
    Some(condition.last_transition_time.as_ref()?.0)
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

    fn count<'a>(pods: &'a [Arc<Pod>], now: &str) -> Pods<'a> {
        by_model(pods, now.parse().unwrap()).into_values().next().unwrap_or_default()
    }

    fn took(pods: &Pods<'_>) -> Option<i64> {
        pods.newest.map(|newest| newest.took.as_secs())
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
        let pods = count(&all, "2026-01-05T10:01:00Z");
        assert_eq!((took(&pods), &pods.nodes[..]), (Some(42), &["a", "b"][..]));
        for (desired, ready, loading, pending, draining) in
            [(5, 1, 1, 3, 1), (3, 1, 1, 1, 1), (2, 1, 1, 0, 1), (1, 1, 0, 0, 1), (0, 0, 0, 0, 2)]
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
    fn who_was_given_a_node_just_now_and_who_waits_for_one_long_are_known() {
        let pods = [pod(false, Some("a"), false), pod(false, None, false), pod(true, Some("b"), false)];
        for (now, placed, stuck) in [
            ("2026-01-05T10:00:04Z", 1, 0),
            ("2026-01-05T10:00:05Z", 0, 0),
            ("2026-01-05T10:00:30Z", 0, 0),
            ("2026-01-05T10:00:31Z", 0, 1),
        ] {
            let counted = count(&pods, now);
            assert_eq!((counted.placed, counted.stuck), (placed, stuck), "{now}");
        }
    }

    #[test]
    fn who_ends_again_and_again_or_cannot_be_started_is_known() {
        let with = |statuses: &str, reason: &str| {
            let mut changed = serde_json::to_value(&*pod(false, Some("a"), false)).unwrap();
            changed["status"][statuses] = json!([{"name": "c", "image": "i", "imageID": "", "ready": false,
                "restartCount": 3, "state": {"waiting": {"reason": reason}}}]);
            [Arc::new(serde_json::from_value(changed).unwrap())]
        };
        let now = "2026-01-05T10:01:00Z";
        for (statuses, reason, failing) in [
            ("containerStatuses", "CrashLoopBackOff", 1),
            ("initContainerStatuses", "CrashLoopBackOff", 1),
            ("containerStatuses", "ImagePullBackOff", 1),
            ("containerStatuses", "ImageVolumeMountFailed", 1),
            ("containerStatuses", "ContainerCreating", 0),
            ("containerStatuses", "PodInitializing", 0),
        ] {
            let pods = with(statuses, reason);
            let counted = count(&pods, now);
            assert_eq!((counted.loading, counted.failing), (1, failing), "{reason}");
            let supply = counted.supply(1, SignedDuration::from_secs(60), now.parse().unwrap());
            assert_eq!((supply.replicas(), supply.failing), (1, failing), "{reason}");
        }
    }

    #[test]
    fn a_try_that_is_one_of_many_is_no_start_unless_the_last_one_was_long() {
        for (restarts, ran_until, failing) in
            [(1, "10:00:20", 0), (2, "10:00:20", 1), (2, "10:09:59", 1), (2, "10:10:00", 0)]
        {
            let mut changed = serde_json::to_value(&*pod(false, Some("a"), false)).unwrap();
            let last = json!({"exitCode": 1, "startedAt": "2026-01-05T10:00:00Z",
                "finishedAt": format!("2026-01-05T{ran_until}Z")});
            changed["status"]["containerStatuses"] = json!([{"name": "engine", "image": "i", "imageID": "",
                "ready": false, "started": false, "restartCount": restarts, "state": {"running": {}},
                "lastState": {"terminated": last}}]);
            let pods = [Arc::new(serde_json::from_value(changed).unwrap())];
            assert_eq!(count(&pods, "2026-01-05T11:00:00Z").failing, failing, "{restarts}, {ran_until}");
        }
    }

    #[test]
    fn what_a_rollout_adds_and_does_not_serve_is_not_on_its_way_out() {
        let now = "2026-01-05T10:01:00Z";
        let new = || pod(false, Some("b"), false);
        let pods = [pod(true, Some("a"), false), pod(true, Some("a"), false), new(), new()];
        let supply = count(&pods, now).supply(3, SignedDuration::from_secs(60), now.parse().unwrap());
        assert_eq!((supply.ready, supply.loading, supply.draining), (2, 1, 0));
    }

    #[test]
    fn who_is_to_go_and_was_not_told_to_stop_may_stay_in_the_place_of_others() {
        let now = "2026-01-05T10:01:00Z";
        let mut marked = serde_json::to_value(&*pod(true, Some("a"), false)).unwrap();
        marked["metadata"]["annotations"] = json!({labels::DRAINING_SINCE: now});
        let marked = Arc::new(serde_json::from_value(marked).unwrap());
        let pods =
            [pod(true, Some("a"), false), pod(true, Some("a"), false), marked, pod(true, Some("b"), true)];
        let pods = count(&pods, now);
        for (desired, may_stay, draining) in [(0, 3, 4), (1, 2, 3), (2, 1, 2), (3, 0, 2), (4, 0, 2)] {
            let supply = pods.supply(desired, SignedDuration::from_secs(60), now.parse().unwrap());
            assert_eq!((supply.may_stay, supply.draining), (may_stay, draining), "{desired} desired");
        }
    }

    #[test]
    fn a_start_that_takes_longer_than_usual_is_due() {
        let late = "2026-01-05T12:00:00Z".parse().unwrap();
        let pods = [pod(false, Some("a"), false)];
        let supply = count(&pods, "2026-01-05T12:00:00Z").supply(1, SignedDuration::from_secs(60), late);
        assert_eq!(supply.arrives_in, Some(SignedDuration::ZERO));
    }

    #[test]
    fn a_start_begins_with_a_node_and_a_restart_is_none() {
        let with = |change: fn(&mut serde_json::Value)| {
            let mut changed = serde_json::to_value(&*pod(true, Some("a"), false)).unwrap();
            change(&mut changed);
            [Arc::new(serde_json::from_value(changed).unwrap())]
        };
        let waited = with(|pod| {
            let scheduled = json!({"type": "PodScheduled", "status": "True",
                "lastTransitionTime": "2026-01-05T10:00:30Z"});
            pod["status"]["conditions"].as_array_mut().unwrap().push(scheduled);
        });
        assert_eq!(took(&count(&waited, "2026-01-05T11:00:00Z")), Some(12), "30 s were for the node");
        let again = with(|pod| {
            pod["status"]["containerStatuses"] = json!([{"name": "engine", "image": "i", "imageID": "",
                "ready": true, "restartCount": 1}]);
        });
        let pods = count(&again, "2026-01-05T11:00:00Z");
        assert_eq!((took(&pods), pods.ready), (None, 1));
    }

    #[test]
    fn who_should_have_gone_long_ago_is_not_waited_for() {
        let pods = [pod(true, Some("a"), true)];
        for (now, terminating) in [("2026-01-05T11:01:00Z", 1), ("2026-01-05T11:01:01Z", 0)] {
            assert_eq!(count(&pods, now).terminating, terminating, "{now}");
        }
    }
}
