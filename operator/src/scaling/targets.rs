//! Which `ModelDeployment` a policy's backend is, and where else its requests may go.

use super::Outlet;
use crate::fleet::{Catalog, Verdict};
use crate::routing_policy::ObjectKey;
use std::collections::HashMap;

/// What policies have to do with models.
#[derive(Debug, Default)]
pub struct Targets {
    /// By policy (`namespace/name`) and backend.
    backends: HashMap<String, HashMap<String, ObjectKey>>,
    /// Where requests for a model go that it cannot take.
    outlets: HashMap<ObjectKey, Vec<Outlet>>,
}

impl Targets {
    /// Of every policy that routers may have.
    pub fn of(catalog: &Catalog) -> Self {
        let mut targets = Self::default();
        for entry in catalog.entries() {
            let Verdict::Compiled(compiled) = &entry.verdict else { continue };
            for backend in &compiled.backends {
                if let Some(name) = &backend.model_deployment {
                    let key = ObjectKey { namespace: entry.key.namespace.clone(), name: name.clone() };
                    if let Some(spec) = &compiled.spill {
                        let policy = compiled.policy.name.clone();
                        targets.spill(&key, Outlet { policy, spec: spec.clone() });
                    }
                    targets.add(&compiled.policy.name, &backend.name, key);
                }
            }
        }
        targets
    }

    /// A backend is this model.
    pub fn add(&mut self, policy: &str, backend: &str, model: ObjectKey) {
        self.backends.entry(policy.to_owned()).or_default().insert(backend.to_owned(), model);
    }

    /// A policy sends requests for this model outside.
    pub fn spill(&mut self, model: &ObjectKey, outlet: Outlet) {
        let outlets = self.outlets.entry(model.clone()).or_default();
        // Several backends of a policy may be the same model.
        if !outlets.contains(&outlet) {
            outlets.push(outlet);
        }
    }

    /// The policies that send requests for a model outside.
    pub fn outlets(&self, model: &ObjectKey) -> impl Iterator<Item = &Outlet> {
        self.outlets.get(model).into_iter().flatten()
    }

    /// The model behind a backend; none if it is external, or unknown.
    pub fn get(&self, policy: &str, backend: &str) -> Option<&ObjectKey> {
        self.backends.get(policy)?.get(backend)
    }
}
