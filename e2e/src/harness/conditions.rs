//! Reading conditions of Flotilla's objects.

use flotilla_crds::{ModelDeployment, RoutingPolicy};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::Condition;
use kube::Resource;

/// An object with conditions and an observed generation.
pub trait Conditions: Resource {
    /// Its conditions; none before the operator saw it.
    fn conditions(&self) -> &[Condition];
    /// The generation its status speaks of.
    fn observed_generation(&self) -> Option<i64>;
}

impl Conditions for ModelDeployment {
    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default()
    }

    fn observed_generation(&self) -> Option<i64> {
        self.status.as_ref()?.observed_generation
    }
}

impl Conditions for RoutingPolicy {
    fn conditions(&self) -> &[Condition] {
        self.status.as_ref().map(|s| s.conditions.as_slice()).unwrap_or_default()
    }

    fn observed_generation(&self) -> Option<i64> {
        self.status.as_ref()?.observed_generation
    }
}

/// A check for [`wait_for`](super::wait_for): the condition has this status and reason, for the present spec.
/// Returns its message.
pub fn condition<K: Conditions>(
    kind: &str,
    status: &str,
    reason: &str,
) -> impl FnMut(&K) -> Result<String, String> {
    move |object| {
        let shown = || {
            let all = object.conditions().iter();
            let all = all.map(|c| format!("{}={} {}: {}", c.type_, c.status, c.reason, c.message));
            all.collect::<Vec<_>>().join("; ")
        };
        let found = object.conditions().iter().find(|c| c.type_ == kind);
        match found {
            _ if object.observed_generation() != object.meta().generation => {
                Err(format!("the status is of an older generation; {}", shown()))
            }
            Some(c) if c.status == status && c.reason == reason => Ok(c.message.clone()),
            _ => Err(shown()),
        }
    }
}
