//! Caches of watched objects, and what is read from them.

use super::Known;
use crate::decide::placement::{Inventory, Usage};
use crate::model_deployment::failure::draining_since;
use crate::model_deployment::need::DEFAULT_MAX_TOKENS;
use crate::routing_policy::ObjectKey;
use crate::scaling::{Board, hold, spilling};
use flotilla_crds::model_deployment::EngineType;
use flotilla_crds::router_config::{AdapterChoice, Endpoint, FleetAdapter, Hold, SpillState};
use flotilla_crds::{ModelDeployment, RoutingPolicy, labels};
use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Node, Pod, Service};
use k8s_openapi::api::discovery::v1::EndpointSlice;
use k8s_openapi::api::resource::v1::ResourceClaimTemplate;
use kube::core::DeserializeGuard;
use kube::runtime::reflector::{self, ObjectRef, Store};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Every cache of the operator.
#[derive(Clone)]
pub struct Stores {
    /// All `ModelDeployment`s.
    pub model_deployments: Store<DeserializeGuard<ModelDeployment>>,
    /// All `RoutingPolicy`s.
    pub routing_policies: Store<DeserializeGuard<RoutingPolicy>>,
    /// Pods that Flotilla made.
    pub pods: Store<Pod>,
    /// The Deployments that Flotilla made.
    pub deployments: Store<Deployment>,
    /// The Services that Flotilla made.
    pub services: Store<Service>,
    /// The claim templates that Flotilla made, where the API server has such.
    pub claim_templates: Store<ResourceClaimTemplate>,
    /// All nodes.
    pub nodes: Store<Node>,
    /// Endpoints of the Services that Flotilla made.
    pub endpoint_slices: Store<EndpointSlice>,
}

impl Stores {
    /// Caches that know nothing, and that nobody fills: for tests, which exchange those that they need.
    pub fn empty() -> Self {
        Self {
            model_deployments: reflector::store().0,
            routing_policies: reflector::store().0,
            pods: reflector::store().0,
            deployments: reflector::store().0,
            services: reflector::store().0,
            claim_templates: reflector::store().0,
            nodes: reflector::store().0,
            endpoint_slices: reflector::store().0,
        }
    }
}

/// The fleet's side of one `ModelDeployment`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FleetBackend {
    /// The name that the engine serves the model under.
    pub model: String,
    /// Ready replicas, sorted.
    pub endpoints: Vec<Endpoint>,
    /// Tokens that one request may hold.
    pub context_window: Option<u32>,
    /// The adapters that every replica has loaded.
    pub adapters: Vec<FleetAdapter>,
    /// How requests wait while there is no ready replica.
    pub hold: Option<Hold>,
    /// Whether its load is looked at.
    pub scaled: bool,
    /// Why, and how many of a hundred requests it cannot take now; the most first.
    pub spilling: Vec<(SpillState, u8)>,
}

impl Stores {
    /// The GPU nodes, with what pods and claims have of them.
    pub fn inventory(&self, usage: &Usage, known: Known) -> Inventory {
        let nodes = self.nodes.state();
        Inventory::new(nodes.iter().map(AsRef::as_ref), usage, known.devices, known.claims)
    }

    /// All readable policies, oldest first. The cache itself has no order, and routers would take a new order for news.
    pub fn policies(&self) -> Vec<Arc<RoutingPolicy>> {
        let guards = self.routing_policies.state();
        let readable = guards.iter().filter_map(|guard| guard.0.as_ref().ok().map(|p| Arc::new(p.clone())));
        oldest_first(readable.collect())
    }

    /// Ready endpoints of every `ModelDeployment`, sorted; without those of pods that are to go.
    pub fn endpoints(&self) -> BTreeMap<ObjectKey, Vec<Endpoint>> {
        let mut all: BTreeMap<ObjectKey, Vec<Endpoint>> = BTreeMap::new();
        for slice in self.endpoint_slices.state() {
            let Some(name) = slice.metadata.labels.as_ref().and_then(|l| l.get(labels::MODEL_DEPLOYMENT))
            else {
                continue;
            };
            let namespace = slice.metadata.namespace.clone().unwrap_or_default();
            let key = ObjectKey { namespace: namespace.clone(), name: name.clone() };
            let entry = all.entry(key).or_default();
            let stays = |pod: &str| {
                let pod = self.pods.get(&ObjectRef::new(pod).within(&namespace));
                pod.is_none_or(|pod| draining_since(&pod).is_none())
            };
            entry.extend(ready_endpoints(&slice, stays));
        }
        for endpoints in all.values_mut() {
            endpoints.sort();
            endpoints.dedup();
        }
        all
    }

    /// The fleet's side of a `ModelDeployment`, if there is one.
    pub fn fleet_backend(
        &self,
        key: &ObjectKey,
        endpoints: &BTreeMap<ObjectKey, Vec<Endpoint>>,
        board: &Board,
    ) -> Option<FleetBackend> {
        let guard = self.model_deployments.get(&ObjectRef::new(&key.name).within(&key.namespace))?;
        let object = guard.0.as_ref().ok()?;
        let sized = object.spec.engine.engine_type == EngineType::LlamaCpp;
        let max_tokens = object.spec.context.and_then(|c| c.max_tokens).unwrap_or(DEFAULT_MAX_TOKENS);
        Some(FleetBackend {
            model: object.served_name().to_owned(),
            endpoints: endpoints.get(key).cloned().unwrap_or_default(),
            context_window: sized.then_some(max_tokens),
            adapters: adapters(object),
            hold: hold(object),
            scaled: object.spec.scaling.is_some(),
            spilling: spilling(object, board),
        })
    }
}

/// llama-server numbers adapters in the order of its flags; other engines are taken to name them as routers do.
fn adapters(object: &ModelDeployment) -> Vec<FleetAdapter> {
    let names = object.spec.model.adapters.iter().map(|adapter| &adapter.name);
    let choice = |number, name: &str| match object.spec.engine.engine_type {
        EngineType::LlamaCpp => AdapterChoice::Lora(number),
        EngineType::Custom => AdapterChoice::Model(format!("{}:{name}", object.served_name())),
    };
    (0..)
        .zip(names)
        .map(|(number, name)| FleetAdapter { name: name.clone(), choice: choice(number, name) })
        .collect()
}

/// By age; of the same second, by name.
fn oldest_first(mut policies: Vec<Arc<RoutingPolicy>>) -> Vec<Arc<RoutingPolicy>> {
    policies.sort_by_cached_key(|policy| {
        (policy.metadata.creation_timestamp.as_ref().map(|time| time.0), ObjectKey::of(policy.as_ref()))
    });
    policies
}

fn ready_endpoints(slice: &EndpointSlice, stays: impl Fn(&str) -> bool) -> Vec<Endpoint> {
    let Some(port) = slice.ports.as_deref().unwrap_or_default().iter().find_map(|p| p.port) else {
        return Vec::new();
    };
    let serves = |endpoint: &&k8s_openapi::api::discovery::v1::Endpoint| {
        let pod = endpoint.target_ref.as_ref().and_then(|target| target.name.as_deref());
        endpoint.conditions.as_ref().and_then(|c| c.ready).unwrap_or(true) && pod.is_none_or(&stays)
    };
    let host = |address: &String| {
        if address.contains(':') { format!("[{address}]:{port}") } else { format!("{address}:{port}") }
    };
    slice
        .endpoints
        .iter()
        .filter(serves)
        .filter_map(|endpoint| endpoint.addresses.first())
        .map(|address| Endpoint { address: host(address) })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing_policy::compile::tests::policy;
    use k8s_openapi::apimachinery::pkg::apis::meta::v1::Time;

    #[test]
    fn policies_come_in_one_order() {
        let aged = |name: &str, second| {
            let mut policy = policy(name);
            policy.metadata.creation_timestamp = Some(Time(jiff::Timestamp::from_second(second).unwrap()));
            Arc::new(policy)
        };
        let ordered = oldest_first(vec![aged("b", 2), aged("z", 1), aged("a", 2)]);
        let names: Vec<_> = ordered.iter().map(|p| p.metadata.name.as_deref().unwrap()).collect();
        assert_eq!(names, ["z", "a", "b"]);
    }

    #[test]
    fn only_ready_endpoints_of_pods_that_stay_count_and_ipv6_gets_brackets() {
        let slice: EndpointSlice = serde_json::from_value(serde_json::json!({
            "addressType": "IPv4", "metadata": {}, "ports": [{"port": 8080}],
            "endpoints": [
                {"addresses": ["10.0.0.1"], "conditions": {"ready": true}},
                {"addresses": ["10.0.0.2"], "conditions": {"ready": false}},
                {"addresses": ["fd00::1"], "targetRef": {"kind": "Pod", "name": "stays"}},
                {"addresses": ["10.0.0.3"], "targetRef": {"kind": "Pod", "name": "goes"}},
            ]
        }))
        .unwrap();
        let found: Vec<_> =
            ready_endpoints(&slice, |pod| pod != "goes").into_iter().map(|e| e.address).collect();
        assert_eq!(found, ["10.0.0.1:8080", "[fd00::1]:8080"]);
    }
}
