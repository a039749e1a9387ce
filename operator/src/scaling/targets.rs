//! Which `ModelDeployment` a policy's backend is, and where else its requests may go.

use super::Outlet;
use super::economics::token_price;
use crate::decide::economics::TokenPrice;
use crate::fleet::{Catalog, Verdict};
use crate::routing_policy::ObjectKey;
use crate::routing_policy::compile::Compiled;
use flotilla_crds::router_config::BackendTarget;
use std::collections::HashMap;

/// What policies have to do with models.
#[derive(Debug, Clone, Default)]
pub struct Targets {
    /// By policy (`namespace/name`) and backend.
    backends: HashMap<String, HashMap<String, ObjectKey>>,
    /// Where requests for a model go that it cannot take.
    outlets: HashMap<ObjectKey, Vec<Outlet>>,
    /// What a model's tokens would cost elsewhere.
    prices: HashMap<ObjectKey, Comparison>,
}

/// A backend that a model's cost is compared with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Comparison {
    /// As `namespace/policy/backend`.
    pub name: String,
    /// What it asks.
    pub price: TokenPrice,
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
                    if let Some(compared) = comparison(compiled) {
                        targets.compare(&key, compared);
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

    /// The model's cost is compared with this; the first counts.
    pub fn compare(&mut self, model: &ObjectKey, with: Comparison) {
        self.prices.entry(model.clone()).or_insert(with);
    }

    /// What the model's cost is compared with.
    pub fn comparison(&self, model: &ObjectKey) -> Option<&Comparison> {
        self.prices.get(model)
    }

    /// The policies that send requests for a model outside.
    pub fn outlets(&self, model: &ObjectKey) -> impl Iterator<Item = &Outlet> {
        self.outlets.get(model).into_iter().flatten()
    }

    /// Whether a policy that sends requests for a model outside has none of `others`, which could take them.
    pub fn has_no_other(&self, model: &ObjectKey, others: &[ObjectKey]) -> bool {
        self.outlets(model).any(|outlet| {
            let backends = self.backends.get(&outlet.policy);
            !backends.is_some_and(|backends| backends.values().any(|key| others.contains(key)))
        })
    }

    /// The model behind a backend; none if it is external, or unknown.
    pub fn get(&self, policy: &str, backend: &str) -> Option<&ObjectKey> {
        self.backends.get(policy)?.get(backend)
    }
}

/// The external backend of a policy that has a price: the one that requests spill to, else the first.
fn comparison(compiled: &Compiled) -> Option<Comparison> {
    let priced = compiled.policy.backends.iter().filter_map(|backend| match &backend.target {
        BackendTarget::External(external) => {
            let price = token_price(external.pricing.as_ref()?)?;
            Some((&backend.name, price))
        }
        BackendTarget::Fleet(_) => None,
    });
    let priced: Vec<_> = priced.collect();
    let spill = compiled.spill.as_ref().map(|spill| &spill.backend);
    let (name, price) = priced.iter().find(|(name, _)| Some(*name) == spill).or(priced.first())?;
    Some(Comparison { name: format!("{}/{name}", compiled.policy.name), price: *price })
}
