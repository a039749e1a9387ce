//! `RoutingPolicy`: which requests the fleet answers and which an external API does.

mod backend;
mod budget;
mod clients;
mod resilience;
mod rule;
mod sensitivity;
mod spill;
mod status;

pub use backend::{BackendSpec, ExternalSpec, LocalRef, PricingSpec, Provider, SecretKeyRef};
pub use budget::{BudgetSpec, OnExceeded, Period};
pub use clients::{ClientKeysSpec, ClientLimitsSpec};
pub use resilience::{ConcurrencySpec, EjectionSpec, RetriesSpec};
pub use rule::{
    BoundarySpec, MatchSpec, PromptTokensSpec, RouteSpec, RuleSpec, TimeoutsSpec, WeightedBackendSpec,
};
pub use sensitivity::{Detector, PatternSpec, SensitivitySpec};
pub use spill::{SpillSpec, SpillState};
pub use status::{BackendStatus, RouterCounts, RoutingPolicyStatus, SplitStatus};

use kube::{CustomResource, KubeSchema};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// Splits the requests for some model names between the fleet and external APIs.
#[derive(CustomResource, KubeSchema, Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[kube(
    group = "flotilla.dev",
    version = "v1alpha1",
    kind = "RoutingPolicy",
    namespaced,
    shortname = "rpol",
    category = "flotilla",
    status = "RoutingPolicyStatus",
    derive = "PartialEq",
    doc = "Splits the requests for some model names between the fleet and external APIs.",
    printcolumn(name = "Models", type_ = "string", json_path = ".status.models"),
    printcolumn(name = "Backends", type_ = "string", json_path = ".status.backendSummary", description = "Backends that requests can go to now, of all"),
    printcolumn(name = "Fleet%", type_ = "string", json_path = ".status.split.fleetPercent", description = "Share of requests that the fleet answered"),
    printcolumn(name = "Spend", type_ = "string", json_path = ".status.spend", description = "USD paid to external APIs since the routers started"),
    printcolumn(name = "Programmed", type_ = "string", json_path = ".status.routers.summary", description = "Routers that follow the policy"),
    printcolumn(name = "Status", type_ = "string", json_path = ".status.conditions[?(@.type==\"Ready\")].reason"),
    printcolumn(name = "Age", type_ = "date", json_path = ".metadata.creationTimestamp"),
    validation = Rule::new("self.metadata.name.matches('^[a-z]([-a-z0-9]{0,50}[a-z0-9])?$')")
        .message("metadata.name becomes part of a Service's name: use at most 52 lower-case letters, digits and '-', starting with a letter")
)]
#[serde(rename_all = "camelCase")]
#[x_kube(
    validation = Rule::new("has(self.attach) || has(self.gateway)")
        .message("no router would serve this policy: set spec.attach.selector for sidecars, spec.gateway for a shared gateway, or both"),
    validation = Rule::new("self.default.backends.all(b, self.backends.exists(x, x.name == b.name))")
        .message("spec.default.backends names a backend that is not in spec.backends"),
    validation = Rule::new("!has(self.default.fallback) || self.default.fallback.all(f, self.backends.exists(x, x.name == f))")
        .message("spec.default.fallback names a backend that is not in spec.backends"),
    validation = Rule::new("!has(self.rules) || self.rules.all(r, r.route.backends.all(b, self.backends.exists(x, x.name == b.name)))")
        .message("a rule's route.backends names a backend that is not in spec.backends"),
    validation = Rule::new("!has(self.rules) || self.rules.all(r, !has(r.route.fallback) || r.route.fallback.all(f, self.backends.exists(x, x.name == f)))")
        .message("a rule's route.fallback names a backend that is not in spec.backends"),
    validation = Rule::new("!has(self.rules) || self.rules.all(r, !has(r.boundary) || r.boundary != 'InCluster' || r.route.backends.all(b, self.backends.all(x, x.name != b.name || !has(x.external))))")
        .message("a rule with boundary InCluster routes to an external backend: name only backends with modelDeploymentRef in its route"),
    validation = Rule::new("!has(self.rules) || self.rules.all(r, !has(r.boundary) || r.boundary != 'InCluster' || !has(r.route.fallback) || r.route.fallback.all(f, self.backends.all(x, x.name != f || !has(x.external))))")
        .message("a rule with boundary InCluster falls back to an external backend: name only backends with modelDeploymentRef in its route"),
    validation = Rule::new("has(self.clientKeys) || !has(self.budgets) || self.budgets.all(b, !has(b.perClient) || !b.perClient)")
        .message("a budget per client needs clients: set spec.clientKeys"),
    validation = Rule::new("!has(self.budgets) || self.budgets.all(b, !has(b.backends) || b.backends.all(n, self.backends.exists(x, x.name == n)))")
        .message("a budget's backends name a backend that is not in spec.backends"),
    validation = Rule::new("!has(self.spill) || self.backends.exists(b, b.name == self.spill.backend && has(b.external))")
        .message("spec.spill.backend must be the name of an external entry of spec.backends")
)]
pub struct RoutingPolicySpec {
    /// The model names that clients ask for. A name belongs to the oldest policy of the namespace that claims it; a
    /// younger one that claims it, too, is not in force, with none of its names.
    #[schemars(
        length(min = 1, max = 16),
        inner(length(min = 1, max = 128), regex(pattern = r"^[A-Za-z0-9][A-Za-z0-9._:/-]*$"))
    )]
    #[x_kube(merge_strategy = ListMerge::Set)]
    pub models: Vec<String>,
    /// Where requests can go.
    #[schemars(length(min = 1, max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub backends: Vec<BackendSpec>,
    /// Tried in order; the first whose match holds gives the route.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 16))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub rules: Vec<RuleSpec>,
    /// The route of requests that no rule matches.
    pub default: RouteSpec,
    /// Where requests go that the fleet cannot take now. Default: nowhere else than a route says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub spill: Option<SpillSpec>,
    /// How the data class of a request is found.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sensitivity: Option<SensitivitySpec>,
    /// Only clients with a key may use the policy: the data key `apiKey` of a Secret that has the label
    /// `flotilla.dev/client-of: POLICY`, and whose name is the client's. Default: whoever reaches a router.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub client_keys: Option<ClientKeysSpec>,
    /// How much the policy may spend.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(length(max = 8))]
    #[x_kube(merge_strategy = ListMerge::Map(vec!["name".into()]))]
    pub budgets: Vec<BudgetSpec>,
    /// Deadlines of one request.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub timeouts: Option<TimeoutsSpec>,
    /// How often requests may be sent again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub retries: Option<RetriesSpec>,
    /// When an endpoint that fails is left alone for a while.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ejection: Option<EjectionSpec>,
    /// The application pods of this namespace that get a router beside them.
    /// They also need the label `flotilla.dev/inject: enabled`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub attach: Option<AttachSpec>,
    /// A shared router for applications without a sidecar: a Deployment and a Service named `NAME-gateway`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gateway: Option<GatewaySpec>,
}

/// Which pods get a sidecar.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct AttachSpec {
    /// Labels of the pods.
    pub selector: PodSelector,
}

/// A set of pods by their labels.
#[derive(KubeSchema, Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct PodSelector {
    /// All of these labels. At least one: a policy never attaches to every pod by accident.
    #[schemars(extend("minProperties" = 1, "maxProperties" = 16))]
    pub match_labels: BTreeMap<String, String>,
}

impl PodSelector {
    /// Whether a pod with these labels is selected. An empty selector selects nothing.
    pub fn matches(&self, labels: &BTreeMap<String, String>) -> bool {
        !self.match_labels.is_empty()
            && self.match_labels.iter().all(|(key, value)| labels.get(key) == Some(value))
    }
}

/// A shared router.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub struct GatewaySpec {
    /// How many pods share the load.
    #[serde(default = "one_gateway")]
    #[schemars(range(min = 0, max = 100))]
    pub replicas: i32,
}

const fn one_gateway() -> i32 {
    1
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_selector_needs_every_label_and_selects_nothing_when_empty() {
        let labels =
            |pairs: &[(&str, &str)]| pairs.iter().map(|(k, v)| ((*k).to_owned(), (*v).to_owned())).collect();
        let selector = PodSelector { match_labels: labels(&[("app", "chat"), ("tier", "web")]) };
        assert!(selector.matches(&labels(&[("app", "chat"), ("tier", "web"), ("x", "y")])));
        assert!(!selector.matches(&labels(&[("app", "chat")])));
        assert!(!PodSelector::default().matches(&labels(&[("app", "chat")])));
    }
}
