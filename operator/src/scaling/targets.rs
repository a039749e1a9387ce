//! Which `ModelDeployment` a policy's backend is.

use crate::fleet::{Catalog, Verdict};
use crate::routing_policy::ObjectKey;
use std::collections::HashMap;

/// By policy (`namespace/name`) and backend.
#[derive(Debug, Default)]
pub struct Targets(HashMap<String, HashMap<String, ObjectKey>>);

impl Targets {
    /// Of every policy that routers may have.
    pub fn of(catalog: &Catalog) -> Self {
        let mut targets = Self::default();
        for entry in catalog.entries() {
            let Verdict::Compiled(compiled) = &entry.verdict else { continue };
            for backend in &compiled.backends {
                if let Some(name) = &backend.model_deployment {
                    let key = ObjectKey { namespace: entry.key.namespace.clone(), name: name.clone() };
                    targets.add(&compiled.policy.name, &backend.name, key);
                }
            }
        }
        targets
    }

    /// A backend is this model.
    pub fn add(&mut self, policy: &str, backend: &str, model: ObjectKey) {
        self.0.entry(policy.to_owned()).or_default().insert(backend.to_owned(), model);
    }

    /// The model behind a backend; none if it is external, or unknown.
    pub fn get(&self, policy: &str, backend: &str) -> Option<&ObjectKey> {
        self.0.get(policy)?.get(backend)
    }
}
