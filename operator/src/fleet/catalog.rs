//! All compiled policies, by namespace; immutable, replaced as a whole.

use crate::routing_policy::ObjectKey;
use crate::routing_policy::compile::Compiled;
use crate::routing_policy::conflict::Conflict;
use flotilla_crds::labels;
use flotilla_crds::routing_policy::PodSelector;
use std::collections::BTreeMap;
use std::sync::Arc;

/// What became of one policy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Routers may have it.
    Compiled(Box<Compiled>),
    /// An older policy claims one of its models.
    Conflicted(Conflict),
}

/// One policy in the catalog.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Whose it is.
    pub key: ObjectKey,
    /// The generation of the spec it was made from.
    pub generation: Option<i64>,
    /// Which pods it attaches to.
    pub selector: Option<PodSelector>,
    /// Whether it has a gateway.
    pub gateway: bool,
    /// What became of it.
    pub verdict: Verdict,
}

impl Entry {
    /// Whether a pod with these labels is a router of this policy.
    pub fn attaches_to(&self, pod_labels: &BTreeMap<String, String>) -> bool {
        match pod_labels.get(labels::GATEWAY) {
            Some(policy) => self.gateway && *policy == self.key.name,
            None => self.selector.as_ref().is_some_and(|selector| selector.matches(pod_labels)),
        }
    }
}

/// All policies. An entry that did not change is the same `Arc` in the next catalog.
#[derive(Debug, Clone, Default)]
pub struct Catalog {
    by_namespace: BTreeMap<String, Vec<Arc<Entry>>>,
}

impl Catalog {
    /// Collects entries, taking over from `before` each one that is equal. Returns the keys that changed, too.
    pub fn build(entries: Vec<Entry>, before: &Self) -> (Self, Vec<ObjectKey>) {
        let mut catalog = Self::default();
        let mut changed = Vec::new();
        for entry in entries {
            let entry = match before.get(&entry.key) {
                Some(known) if *known == entry => known,
                _ => {
                    changed.push(entry.key.clone());
                    Arc::new(entry)
                }
            };
            catalog.by_namespace.entry(entry.key.namespace.clone()).or_default().push(entry);
        }
        let gone =
            before.entries().filter(|entry| catalog.get(&entry.key).is_none()).map(|entry| entry.key.clone());
        changed.extend(gone.collect::<Vec<_>>());
        (catalog, changed)
    }

    /// One policy.
    pub fn get(&self, key: &ObjectKey) -> Option<Arc<Entry>> {
        self.by_namespace.get(&key.namespace)?.iter().find(|entry| entry.key == *key).cloned()
    }

    /// All policies.
    pub fn entries(&self) -> impl Iterator<Item = &Arc<Entry>> {
        self.by_namespace.values().flatten()
    }

    /// The policies that a router in this pod serves: attached and compiled.
    pub fn attached_to(&self, namespace: &str, pod_labels: &BTreeMap<String, String>) -> Vec<Arc<Entry>> {
        let all = self.by_namespace.get(namespace).into_iter().flatten();
        let serves = |entry: &&Arc<Entry>| {
            matches!(entry.verdict, Verdict::Compiled(_)) && entry.attaches_to(pod_labels)
        };
        all.filter(serves).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn entry(name: &str, label: &str, gateway: bool) -> Entry {
        let selector = PodSelector { match_labels: BTreeMap::from([("app".to_owned(), label.to_owned())]) };
        let conflict = Conflict { model: "m".to_owned(), winner: "w".to_owned() };
        let key = ObjectKey { namespace: "ns".to_owned(), name: name.to_owned() };
        Entry {
            key,
            generation: Some(1),
            selector: Some(selector),
            gateway,
            verdict: Verdict::Conflicted(conflict),
        }
    }

    fn pod(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
        pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect()
    }

    #[test]
    fn unchanged_entries_are_the_same_allocation_and_changes_are_named() {
        let (first, changed) =
            Catalog::build(vec![entry("a", "x", false), entry("b", "x", false)], &Catalog::default());
        assert_eq!(changed.len(), 2);
        let (second, changed) = Catalog::build(vec![entry("a", "x", false), entry("c", "x", false)], &first);
        let key = |name: &str| ObjectKey { namespace: "ns".to_owned(), name: name.to_owned() };
        assert!(Arc::ptr_eq(&first.get(&key("a")).unwrap(), &second.get(&key("a")).unwrap()));
        assert_eq!(changed, [key("c"), key("b")]);
    }

    #[test]
    fn gateways_serve_their_own_policy_and_no_other() {
        let (with, without) = (entry("a", "x", true), entry("b", "x", false));
        let gateway = pod(&[(labels::GATEWAY, "a"), ("app", "x")]);
        assert!(with.attaches_to(&gateway) && !without.attaches_to(&gateway));
        assert!(!without.attaches_to(&pod(&[(labels::GATEWAY, "b")])), "no gateway was asked for");
        assert!(without.attaches_to(&pod(&[("app", "x")])) && !without.attaches_to(&pod(&[("app", "y")])));
    }
}
