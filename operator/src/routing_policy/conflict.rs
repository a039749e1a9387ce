//! Which policy a model name belongs to: in each namespace, the oldest that claims it.

use super::ObjectKey;
use flotilla_crds::RoutingPolicy;
use std::collections::BTreeMap;
use std::sync::Arc;

/// A claim that lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// The model name both claim.
    pub model: String,
    /// The older policy, of the same namespace.
    pub winner: String,
}

/// The policies that lose a claim, of policies in the order of their age. A policy that loses one name is not programmed at all, so that its other names
/// are not served by half of a policy; its names are free for the next one.
pub fn conflicts(policies: &[Arc<RoutingPolicy>]) -> BTreeMap<ObjectKey, Conflict> {
    let alive = policies.iter().filter(|p| p.metadata.deletion_timestamp.is_none());
    let mut owners: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut lost = BTreeMap::new();
    for policy in alive {
        let namespace = policy.metadata.namespace.as_deref().unwrap_or_default();
        let name = policy.metadata.name.as_deref().unwrap_or_default();
        let taken = policy
            .spec
            .models
            .iter()
            .find_map(|model| Some((model, *owners.get(&(namespace, model.as_str()))?)));
        match taken {
            Some((model, winner)) => {
                lost.insert(
                    ObjectKey::of(policy.as_ref()),
                    Conflict { model: model.clone(), winner: winner.to_owned() },
                );
            }
            None => owners.extend(policy.spec.models.iter().map(|model| ((namespace, model.as_str()), name))),
        }
    }
    lost
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing_policy::compile::tests::policy;

    fn claiming(name: &str, namespace: &str, models: &[&str]) -> Arc<RoutingPolicy> {
        let mut object = policy(name);
        object.metadata.namespace = Some(namespace.to_owned());
        object.spec.models = models.iter().map(|m| (*m).to_owned()).collect();
        Arc::new(object)
    }

    #[test]
    fn the_older_policy_wins() {
        let lost = conflicts(&[claiming("z-old", "a", &["m"]), claiming("a-young", "a", &["n", "m"])]);
        assert_eq!(lost.len(), 1);
        let (key, conflict) = lost.first_key_value().unwrap();
        assert_eq!(
            (key.name.as_str(), conflict.winner.as_str(), conflict.model.as_str()),
            ("a-young", "z-old", "m")
        );
    }

    #[test]
    fn other_namespaces_and_names_of_a_loser_are_free() {
        let lost = conflicts(&[
            claiming("one", "a", &["m"]),
            claiming("other", "b", &["m"]),
            claiming("two", "a", &["m", "n"]),
            claiming("three", "a", &["n"]),
        ]);
        assert_eq!(lost.keys().map(|k| k.name.as_str()).collect::<Vec<_>>(), ["two"]);
    }
}
