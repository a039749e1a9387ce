//! Which pods have GPUs, whoever made them: every pod that is bound to a node and has not ended is looked at, and of
//! those with GPUs a few words are kept.

use super::table::Table;
use crate::decide::placement::{ContainerLimits, PodGpus, Usage};
use k8s_openapi::NamespaceResourceScope;
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use kube::Resource;
use kube::runtime::watcher;
use parking_lot::Mutex;
use serde::Deserialize;
use std::borrow::Cow;
use std::collections::BTreeMap;

/// Still there: a pod that was evicted, or that its node refused, stays as an object while another one replaces it.
pub const NOT_ENDED: &str = "status.phase!=Succeeded,status.phase!=Failed";
/// Bound to a node, and still in possession of what it asked for.
pub const BOUND: &str = "spec.nodeName!=,status.phase!=Succeeded,status.phase!=Failed";

/// A pod, read as far as its GPUs: everything else in it is skipped, not kept.
#[derive(Debug, Clone, Default, Deserialize)]
pub struct GpuPod {
    #[serde(default)]
    metadata: ObjectMeta,
    #[serde(default)]
    spec: PodSpec,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct PodSpec {
    node_name: Option<String>,
    #[serde(default)]
    containers: Vec<Container>,
    #[serde(default)]
    init_containers: Vec<Container>,
}

#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "camelCase")]
struct Container {
    restart_policy: Option<String>,
    #[serde(default)]
    resources: Resources,
}

#[derive(Debug, Clone, Default, Deserialize)]
struct Resources {
    limits: Option<BTreeMap<String, Quantity>>,
}

impl Container {
    fn limits(&self) -> ContainerLimits<'_> {
        ContainerLimits {
            limits: self.resources.limits.as_ref(),
            stays: self.restart_policy.as_deref() == Some("Always"),
        }
    }
}

impl GpuPod {
    fn gpus(&self) -> Option<PodGpus> {
        let PodSpec { node_name, containers, init_containers } = &self.spec;
        let running = containers.iter().map(Container::limits);
        PodGpus::of(node_name.as_deref()?, running, init_containers.iter().map(Container::limits))
    }
}

impl Resource for GpuPod {
    type DynamicType = ();
    type Scope = NamespaceResourceScope;

    fn kind((): &()) -> Cow<'_, str> {
        "Pod".into()
    }

    fn group((): &()) -> Cow<'_, str> {
        "".into()
    }

    fn version((): &()) -> Cow<'_, str> {
        "v1".into()
    }

    fn plural((): &()) -> Cow<'_, str> {
        "pods".into()
    }

    fn meta(&self) -> &ObjectMeta {
        &self.metadata
    }

    fn meta_mut(&mut self) -> &mut ObjectMeta {
        &mut self.metadata
    }
}

/// The pods with GPUs.
#[derive(Debug, Default)]
pub struct GpuPods(Mutex<Table<PodGpus>>);

impl GpuPods {
    /// Takes in what a watch says; true if anything is news.
    pub fn take_in(&self, event: watcher::Event<GpuPod>) -> bool {
        self.0.lock().take_in(event, GpuPod::gpus)
    }

    /// What they have.
    pub fn usage(&self) -> Usage {
        Usage::of(self.0.lock().rows())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;
    use watcher::Event::{Apply, Delete, Init, InitApply, InitDone};

    fn pod(name: &str, gpus: u32) -> GpuPod {
        let limits =
            if gpus == 0 { json!({"cpu": "1"}) } else { json!({"nvidia.com/gpu": gpus.to_string()}) };
        let containers = json!([{"name": "c", "image": "i", "resources": {"limits": limits}}]);
        let spec = json!({"nodeName": "n", "restartPolicy": "Always", "containers": containers});
        let status = json!({"phase": "Running"});
        serde_json::from_value(json!({"metadata": {"name": name}, "spec": spec, "status": status})).unwrap()
    }

    #[test]
    fn pods_come_go_and_are_listed_anew() {
        let pods = GpuPods::default();
        let used = || pods.usage().used("n", "nvidia.com/gpu");
        assert!(pods.take_in(Apply(pod("a", 2))) && !pods.take_in(Apply(pod("a", 2))));
        assert!(!pods.take_in(Apply(pod("web", 0))), "a pod without GPUs is no news");
        assert!(pods.take_in(Apply(pod("b", 1))));
        assert_eq!(used(), 3);
        assert!(pods.take_in(Delete(pod("a", 2))));
        assert_eq!(used(), 1);
        pods.take_in(Init);
        pods.take_in(InitApply(pod("c", 4)));
        assert_eq!(used(), 1, "until the list is complete");
        assert!(pods.take_in(InitDone));
        assert_eq!(used(), 4, "b went while nobody watched");
    }
}
