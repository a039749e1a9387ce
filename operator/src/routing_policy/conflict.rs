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

/// The policies that lose a claim. A policy that loses one name is not programmed at all, so that its other names
/// are not served by half of a policy; its names are free for the next one.
pub fn conflicts(policies: &[Arc<RoutingPolicy>]) -> BTreeMap<ObjectKey, Conflict> {
    let mut by_age: Vec<_> = policies.iter().filter(|p| p.metadata.deletion_timestamp.is_none()).collect();
    by_age.sort_by_key(|p| (p.metadata.creation_timestamp.as_ref().map(|t| t.0), ObjectKey::of(p.as_ref())));
    let mut owners: BTreeMap<(&str, &str), &str> = BTreeMap::new();
    let mut lost = BTreeMap::new();
    for policy in by_age {
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
    use jiff::Timestamp;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    fn aged(name: &str, namespace: &str, second: i64, models: &[&str]) -> Arc<RoutingPolicy> {
        let mut object = policy(name);
        object.metadata.namespace = Some(namespace.to_owned());
        object.metadata.creation_timestamp = Some(Time(Timestamp::from_second(second).unwrap()));
        object.spec.models = models.iter().map(|m| (*m).to_owned()).collect();
        Arc::new(object)
    }

    #[test]
    fn the_older_policy_wins_whatever_the_order() {
        let (old, young) = (aged("z-old", "a", 1, &["m"]), aged("a-young", "a", 2, &["n", "m"]));
        for order in [[old.clone(), young.clone()], [young, old]] {
            let lost = conflicts(&order);
            assert_eq!(lost.len(), 1);
            let (key, conflict) = lost.first_key_value().unwrap();
            assert_eq!(
                (key.name.as_str(), conflict.winner.as_str(), conflict.model.as_str()),
                ("a-young", "z-old", "m")
            );
        }
    }

    #[test]
    fn other_namespaces_and_names_of_a_loser_are_free() {
        let lost = conflicts(&[
            aged("one", "a", 1, &["m"]),
            aged("other", "b", 2, &["m"]),
            aged("two", "a", 3, &["m", "n"]),
            aged("three", "a", 4, &["n"]),
        ]);
        assert_eq!(lost.keys().map(|k| k.name.as_str()).collect::<Vec<_>>(), ["two"]);
    }
}
