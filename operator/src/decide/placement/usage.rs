//! Which GPUs of a node pods have.

use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// Resources of this prefix are GPUs, their shares or their partitions.
const GPUS: &str = "nvidia.com/";

/// What one pod has of its node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PodGpus {
    /// The node it is bound to.
    pub node: String,
    /// GPUs by the resource that counts them.
    pub resources: BTreeMap<String, u32>,
}

/// The limits of one container.
#[derive(Debug, Clone, Copy)]
pub struct ContainerLimits<'a> {
    /// By resource.
    pub limits: Option<&'a BTreeMap<String, Quantity>>,
    /// Whether it runs as long as the pod does, as sidecars do, though it is an init container.
    pub stays: bool,
}

impl PodGpus {
    /// What the scheduler counts for a pod: the sum over the containers that run together, or the largest of the init
    /// containers, whichever is more. `None` for pods without GPUs.
    pub fn of<'a>(
        node: &str,
        containers: impl Iterator<Item = ContainerLimits<'a>>,
        init: impl Iterator<Item = ContainerLimits<'a>>,
    ) -> Option<Self> {
        let (mut together, mut alone) = (BTreeMap::<String, u32>::new(), BTreeMap::<String, u32>::new());
        for container in containers.map(|c| ContainerLimits { stays: true, ..c }).chain(init) {
            for (resource, count) in gpus(container.limits) {
                if container.stays {
                    let sum = together.entry(resource.to_owned()).or_default();
                    *sum = sum.saturating_add(count);
                } else {
                    let most = alone.entry(resource.to_owned()).or_default();
                    *most = count.max(*most);
                }
            }
        }
        for (resource, count) in alone {
            let sum = together.entry(resource).or_default();
            *sum = count.max(*sum);
        }
        (!together.is_empty()).then(|| Self { node: node.to_owned(), resources: together })
    }
}

fn gpus(limits: Option<&BTreeMap<String, Quantity>>) -> impl Iterator<Item = (&str, u32)> {
    limits.into_iter().flatten().filter_map(|(resource, quantity)| {
        let count: u32 = quantity.0.parse().ok()?;
        (resource.starts_with(GPUS) && count > 0).then_some((resource.as_str(), count))
    })
}

/// What all pods have, by node and resource.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage(BTreeMap<String, BTreeMap<String, u32>>);

impl Usage {
    /// Sums up.
    pub fn of<'a>(pods: impl IntoIterator<Item = &'a PodGpus>) -> Self {
        let mut usage = Self::default();
        for pod in pods {
            let node = usage.0.entry(pod.node.clone()).or_default();
            for (resource, count) in &pod.resources {
                let sum = node.entry(resource.clone()).or_default();
                *sum = sum.saturating_add(*count);
            }
        }
        usage
    }

    /// How many of a resource pods have on a node.
    pub fn used(&self, node: &str, resource: &str) -> u32 {
        self.0.get(node).and_then(|node| node.get(resource)).copied().unwrap_or(0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pod(containers: &[&str], init: &[(&str, bool)]) -> Option<PodGpus> {
        let limits =
            |count: &str| BTreeMap::from([("nvidia.com/gpu".to_owned(), Quantity(count.to_owned()))]);
        let running: Vec<_> = containers.iter().map(|count| limits(count)).collect();
        let before: Vec<_> = init.iter().map(|(count, stays)| (limits(count), *stays)).collect();
        PodGpus::of(
            "n",
            running.iter().map(|limits| ContainerLimits { limits: Some(limits), stays: false }),
            before.iter().map(|(limits, stays)| ContainerLimits { limits: Some(limits), stays: *stays }),
        )
    }

    #[test]
    fn pods_are_counted_as_the_scheduler_does() {
        let count = |pod: Option<PodGpus>| pod.map_or(0, |pod| pod.resources["nvidia.com/gpu"]);
        assert_eq!(count(pod(&["1", "2"], &[])), 3);
        assert_eq!(count(pod(&["1"], &[("4", false), ("2", false)])), 4, "init containers run one by one");
        assert_eq!(count(pod(&["1"], &[("2", true)])), 3, "sidecars stay");
        assert_eq!(pod(&["0", "half"], &[]), None);
    }

    #[test]
    fn a_node_has_what_all_its_pods_have() {
        let pods = [pod(&["1"], &[]).unwrap(), pod(&["2"], &[]).unwrap()];
        let usage = Usage::of(&pods);
        assert_eq!(usage.used("n", "nvidia.com/gpu"), 3);
        assert_eq!((usage.used("m", "nvidia.com/gpu"), usage.used("n", "nvidia.com/mig-1g.5gb")), (0, 0));
    }
}
