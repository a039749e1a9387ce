//! Why an engine pod does not serve, told from its status. One row a known message; engines add rows, not code.

use super::fetching::Fetching;
use crate::conditions::Reason;
use flotilla_crds::labels;
use jiff::Timestamp;
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{ContainerStateTerminated, ContainerStatus, Pod};
use std::net::IpAddr;

/// The engine's container in its pod.
pub const ENGINE_CONTAINER: &str = "engine";
/// A container that ended this often is said to crash, not to start.
const CRASHES: i32 = 1;
/// The longest piece of an engine's log in a condition.
const LONGEST_EXCERPT: usize = 300;

/// What status needs to know of a pod.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodFacts {
    /// The pod's name.
    pub name: String,
    /// When it was made.
    pub created: Option<Timestamp>,
    /// The node it runs on, once it has one.
    pub node: Option<String>,
    /// Its address, once it has one.
    pub ip: Option<IpAddr>,
    /// Whether it serves.
    pub ready: bool,
    /// Since when it serves or does not.
    pub ready_since: Option<Timestamp>,
    /// Whether its engine has loaded the model and runs, whether it serves just now or not.
    pub loaded: bool,
    /// Whether it is on its way out.
    pub terminating: bool,
    /// Since when it is to go, if it is: see [`crate::decide::drain`].
    pub draining_since: Option<Timestamp>,
    /// What its fetcher does, until the model is there.
    pub fetching: Option<Fetching>,
    /// Why it does not serve, if that is known to be more than a matter of time.
    pub problem: Option<Problem>,
}

/// A cause, for a condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// In one word.
    pub reason: Reason,
    /// In a sentence.
    pub message: String,
}

/// What engines print when they cannot load a model, in lower case, and what it means.
const LOG_SIGNS: &[(&str, Reason)] = &[
    ("no such file or directory", Reason::ModelFileNotFound),
    ("model file not found", Reason::ModelFileNotFound),
    ("is not within the file bounds", Reason::ModelFileInvalid),
    ("not within file bounds", Reason::ModelFileInvalid),
    ("data is not within", Reason::ModelFileInvalid),
    ("invalid magic", Reason::ModelFileInvalid),
    ("failed to read magic", Reason::ModelFileInvalid),
    ("model is corrupted", Reason::ModelFileInvalid),
    ("unknown model architecture", Reason::ModelFileInvalid),
    ("failed to load model", Reason::ModelFileInvalid),
    ("error loading model", Reason::ModelFileInvalid),
    ("out of memory", Reason::OutOfMemory),
];

/// Waiting reasons of the kubelet that do not pass by themselves.
const WAITING_SIGNS: &[(&str, Reason)] = &[
    ("ErrImagePull", Reason::EngineImagePullFailed),
    ("ImagePullBackOff", Reason::EngineImagePullFailed),
    ("InvalidImageName", Reason::EngineImagePullFailed),
    ("ErrImageNeverPull", Reason::EngineImagePullFailed),
    ("CreateContainerConfigError", Reason::EngineNotStarted),
    ("CreateContainerError", Reason::EngineNotStarted),
    ("RunContainerError", Reason::EngineNotStarted),
];

/// What such a reason begins with where the image of a model cannot be mounted.
const MODEL_IMAGE: &str = "ImageVolume";

/// Whether the kubelet says by this that it starts a container later, or not before somebody mends something.
pub fn is_given_up(waiting: &str) -> bool {
    waiting == "CrashLoopBackOff"
        || waiting.starts_with(MODEL_IMAGE)
        || WAITING_SIGNS.iter().any(|(sign, _)| *sign == waiting)
}

/// Since when a pod is to go. A mark that cannot be read is as old as can be.
pub fn draining_since(pod: &Pod) -> Option<Timestamp> {
    let marked = pod.metadata.annotations.as_ref()?.get(labels::DRAINING_SINCE)?;
    Some(marked.parse().unwrap_or(Timestamp::UNIX_EPOCH))
}

/// Why the API server takes no pods of a Deployment, in its own words, if it refuses any.
pub(super) fn refused(deployment: &Deployment) -> Option<String> {
    let conditions = deployment.status.as_ref()?.conditions.as_deref()?;
    let failure = conditions.iter().find(|c| c.type_ == "ReplicaFailure" && c.status == "True")?;
    let message = failure.message.as_deref().or(failure.reason.as_deref()).unwrap_or_default();
    Some(format!("pods are refused: {}", excerpt(message)))
}

impl PodFacts {
    /// Reads a pod.
    pub fn of(pod: &Pod) -> Self {
        let status = pod.status.as_ref();
        let conditions = status.and_then(|s| s.conditions.as_deref()).unwrap_or_default();
        let readiness = conditions.iter().find(|c| c.type_ == "Ready");
        let ready = readiness.is_some_and(|c| c.status == "True");
        let engine = status
            .and_then(|s| s.container_statuses.as_deref())
            .and_then(|all| all.iter().find(|c| c.name == ENGINE_CONTAINER));
        let unscheduled = conditions
            .iter()
            .find(|c| {
                c.type_ == "PodScheduled"
                    && c.status == "False"
                    && c.reason.as_deref() == Some("Unschedulable")
            })
            .map(|c| Problem {
                reason: Reason::Unschedulable,
                message: c.message.clone().unwrap_or_default(),
            });
        Self {
            name: pod.metadata.name.clone().unwrap_or_default(),
            created: pod.metadata.creation_timestamp.as_ref().map(|t| t.0),
            node: pod.spec.as_ref().and_then(|spec| spec.node_name.clone()),
            ip: status.and_then(|status| status.pod_ip.as_ref()?.parse().ok()),
            ready,
            ready_since: readiness.and_then(|c| c.last_transition_time.as_ref()).map(|time| time.0),
            // Once its startup probe has succeeded.
            loaded: engine.is_some_and(|container| container.started == Some(true)),
            terminating: pod.metadata.deletion_timestamp.is_some(),
            draining_since: draining_since(pod),
            fetching: Fetching::of(pod),
            problem: if ready {
                None
            } else {
                unscheduled
                    .or_else(|| engine.and_then(|c| waiting(c, pod)).or_else(|| engine.and_then(ended)))
            },
        }
    }
}

fn waiting(container: &ContainerStatus, pod: &Pod) -> Option<Problem> {
    let waiting = container.state.as_ref()?.waiting.as_ref()?;
    let reason = waiting.reason.as_deref().unwrap_or_default();
    let detail = waiting.message.as_deref().unwrap_or_default();
    let model = model_reference(pod);
    // The kubelet reports a model image like the engine's; the reference in its message tells them apart.
    if let Some(reference) = model.filter(|reference| detail.contains(*reference)) {
        let pulls = WAITING_SIGNS.iter().any(|(sign, _)| *sign == reason) || reason.starts_with(MODEL_IMAGE);
        return pulls.then(|| Problem {
            reason: Reason::ModelPullFailed,
            message: format!("the model image {reference} cannot be mounted: {}", excerpt(detail)),
        });
    }
    let (_, meaning) = WAITING_SIGNS.iter().find(|(sign, _)| *sign == reason)?;
    let message = match meaning {
        Reason::EngineNotStarted => {
            format!("the engine's container cannot be started ({reason}): {}", excerpt(detail))
        }
        _ => format!("image {}: {}", container.image, excerpt(detail)),
    };
    Some(Problem { reason: *meaning, message })
}

fn model_reference(pod: &Pod) -> Option<&str> {
    let volumes = pod.spec.as_ref()?.volumes.as_deref()?;
    volumes.iter().find_map(|v| v.image.as_ref()?.reference.as_deref())
}

fn ended(container: &ContainerStatus) -> Option<Problem> {
    let now = container.state.as_ref().and_then(|s| s.terminated.as_ref());
    let last = container.last_state.as_ref().and_then(|s| s.terminated.as_ref());
    let end = now.or(last)?;
    if end.reason.as_deref() == Some("OOMKilled") {
        let message = "the engine was killed at its container's memory limit: raise spec.placement.gpuMemory or lower spec.context".to_owned();
        return Some(Problem { reason: Reason::OutOfMemory, message });
    }
    let log = end.message.as_deref().unwrap_or_default();
    let lower = log.to_ascii_lowercase();
    let line = |sign: &str| log.lines().find(|l| l.to_ascii_lowercase().contains(sign)).unwrap_or(log).trim();
    if let Some((sign, reason)) = LOG_SIGNS.iter().find(|(sign, _)| lower.contains(sign)) {
        return Some(Problem {
            reason: *reason,
            message: format!("the engine says: {}", excerpt(line(sign))),
        });
    }
    (container.restart_count >= CRASHES || now.is_some()).then(|| crash(end, log, container.restart_count))
}

fn crash(end: &ContainerStateTerminated, log: &str, restarts: i32) -> Problem {
    let last = log.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("no output");
    let message =
        format!("the engine ended with exit code {} ({restarts} restarts): {}", end.exit_code, excerpt(last));
    Problem { reason: Reason::CrashLooping, message }
}

pub(super) fn excerpt(text: &str) -> &str {
    let mut end = text.len().min(LONGEST_EXCERPT);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn facts(engine: &Value, conditions: &Value) -> PodFacts {
        let mut engine = engine.clone();
        engine["name"] = json!("engine");
        engine["image"] = json!("example/engine:1");
        let pod = json!({
            "metadata": {"name": "p"},
            "spec": {"containers": [], "volumes": [{"name": "model", "image": {"reference": "example/model:1"}}]},
            "status": {"conditions": conditions, "containerStatuses": [engine]}
        });
        PodFacts::of(&serde_json::from_value(pod).unwrap())
    }

    fn reason_of(engine: Value) -> Option<Reason> {
        let mut engine = engine;
        for field in ["ready", "restartCount", "imageID"] {
            if engine.get(field).is_none() {
                engine[field] = match field {
                    "ready" => json!(false),
                    "restartCount" => json!(0),
                    _ => json!(""),
                };
            }
        }
        facts(&engine, &json!([])).problem.map(|p| p.reason)
    }

    #[test]
    fn causes_are_told_from_the_status() {
        let ended = |message: &str| json!({"lastState": {"terminated": {"exitCode": 1, "message": message}}, "restartCount": 2});
        let waiting = |reason: &str, message: &str| json!({"state": {"waiting": {"reason": reason, "message": message}}});
        for (engine, expected) in [
            (
                waiting("ImagePullBackOff", "Back-off pulling image example/engine:1"),
                Some(Reason::EngineImagePullFailed),
            ),
            (
                waiting("ImagePullBackOff", "failed to pull image example/model:1"),
                Some(Reason::ModelPullFailed),
            ),
            (waiting("ContainerCreating", ""), None),
            (
                waiting("CreateContainerConfigError", "secret \"hub\" not found"),
                Some(Reason::EngineNotStarted),
            ),
            (
                waiting("CreateContainerError", "failed to mount image volume example/model:1"),
                Some(Reason::ModelPullFailed),
            ),
            (
                waiting("RunContainerError", "exec: \"/llama\": no such file or directory"),
                Some(Reason::EngineNotStarted),
            ),
            (
                ended("gguf_init: failed to open '/models/x.gguf': No such file or directory"),
                Some(Reason::ModelFileNotFound),
            ),
            (
                ended("tensor 'blk.3' data is not within the file bounds, model is corrupted"),
                Some(Reason::ModelFileInvalid),
            ),
            (ended("something else"), Some(Reason::CrashLooping)),
            (
                json!({"lastState": {"terminated": {"exitCode": 137, "reason": "OOMKilled"}}}),
                Some(Reason::OutOfMemory),
            ),
            (json!({"state": {"running": {}}}), None),
        ] {
            assert_eq!(reason_of(engine.clone()), expected, "{engine}");
        }
    }

    #[test]
    fn a_ready_pod_has_no_problem_whatever_it_went_through() {
        let engine = json!({"ready": true, "restartCount": 5, "imageID": "",
            "lastState": {"terminated": {"exitCode": 1, "message": "invalid magic"}}});
        let facts = facts(&engine, &json!([{"type": "Ready", "status": "True"}]));
        assert!(facts.ready && facts.problem.is_none());
    }
}
