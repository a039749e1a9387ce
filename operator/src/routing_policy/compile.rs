//! A `RoutingPolicy` and what it names become one [`Policy`] for routers. Pure.

use crate::conditions::Reason;
use crate::fleet::{FleetBackend, Keys, SecretState};
use crate::internal_hosts::InternalHosts;
use crate::routing_policy::budget::budget;
use crate::routing_policy::clients::clients;
use crate::routing_policy::resilience::{self, millis};
use crate::routing_policy::sensitivity::sensitivity;
use crate::scaling::spill_told;
use flotilla_crds::RoutingPolicy;
use flotilla_crds::router_config::{
    Backend, BackendTarget, Boundary, Credentials, ExternalTarget, FleetTarget, Match, NanoUsd, Policy,
    Pricing, PromptTokens, Route, Rule, Secret, Timeouts, WeightedBackend,
};
use flotilla_crds::routing_policy::{
    BackendSpec, BoundarySpec, ExternalSpec, RouteSpec, RuleSpec, SecretKeyRef, SpillSpec, TimeoutsSpec,
};

/// What a policy may ask of the cluster.
pub trait Lookup {
    /// The fleet's side of a `ModelDeployment` in the policy's namespace.
    fn fleet(&self, name: &str) -> Option<FleetBackend>;
    /// A Secret in the policy's namespace.
    fn secret(&self, name: &str) -> SecretState;
    /// The keys of a policy's clients, by their names; none while they are being read: then nobody gets in.
    fn client_keys(&self, policy: &str) -> Keys;
    /// Whether they are being read. Outside a cluster nothing is waited for.
    fn client_keys_loading(&self, _policy: &str) -> bool {
        false
    }
    /// Which addresses it may name.
    fn internal_hosts(&self) -> &InternalHosts;
}

/// A backend's state, for status.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BackendVerdict {
    /// The backend's name.
    pub name: String,
    /// The `ModelDeployment` that it is.
    pub model_deployment: Option<String>,
    /// Whether requests can go there.
    pub healthy: bool,
    /// Whether what it names exists: a fleet without replicas is resolved and not healthy.
    pub resolved: bool,
    /// Why.
    pub reason: Reason,
    /// Why, in a sentence; empty when healthy.
    pub message: String,
    /// Whether the policy spills, and this is a model whose load nobody looks at, so that its requests never do.
    pub never_spills: bool,
}

/// A compiled policy with the state of its backends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Compiled {
    /// For routers.
    pub policy: Policy,
    /// For status, in the order of the spec.
    pub backends: Vec<BackendVerdict>,
    /// Where requests go that the fleet cannot take, as the spec says.
    pub spill: Option<SpillSpec>,
    /// The namespace whose Secrets with the keys of clients could not be read yet, so that nobody gets in.
    pub clients_loading: Option<String>,
}

/// Compiles a policy. A backend that cannot be used is part of the result, marked as unavailable: the rest of the
/// policy works, and no route silently changes its meaning.
pub fn compile(object: &RoutingPolicy, lookup: &impl Lookup) -> Compiled {
    let spec = &object.spec;
    let namespace = object.metadata.namespace.as_deref().unwrap_or_default();
    let name = object.metadata.name.as_deref().unwrap_or_default();
    let loading = spec.client_keys.is_some() && lookup.client_keys_loading(name);
    let clients_loading = loading.then(|| namespace.to_owned());
    let (backends, verdicts) = spec.backends.iter().map(|b| backend(b, spec.spill.as_ref(), lookup)).unzip();
    let policy = Policy {
        name: format!("{namespace}/{name}"),
        models: spec.models.clone(),
        backends,
        rules: spec.rules.iter().map(rule).collect(),
        default: route(&spec.default),
        sensitivity: sensitivity(spec.sensitivity.as_ref()),
        clients: spec.client_keys.as_ref().map(|keys| clients(keys, &lookup.client_keys(name))),
        budgets: spec.budgets.iter().map(budget).collect(),
        timeouts: timeouts(spec.timeouts.as_ref()),
        retries: resilience::retries(spec.retries.as_ref()),
        ejection: resilience::ejection(spec.ejection.as_ref()),
    };
    Compiled { policy, backends: verdicts, spill: spec.spill.clone(), clients_loading }
}

fn backend(spec: &BackendSpec, spill: Option<&SpillSpec>, lookup: &impl Lookup) -> (Backend, BackendVerdict) {
    let mut never_spills = false;
    let (target, state) = match (&spec.model_deployment_ref, &spec.external) {
        (Some(reference), _) => {
            let found = lookup.fleet(&reference.name);
            never_spills = spill.is_some() && found.as_ref().is_some_and(|found| !found.scaled);
            fleet(&reference.name, spill, found)
        }
        (None, Some(given)) => external(given, lookup),
        (None, None) => {
            (no_fleet(String::new()), Err((Reason::InvalidSpec, "the backend names no target".to_owned())))
        }
    };
    let (reason, message) = match &state {
        Ok(()) => (Reason::Resolved, String::new()),
        Err((reason, message)) => (*reason, message.clone()),
    };
    let verdict = BackendVerdict {
        name: spec.name.clone(),
        model_deployment: spec.model_deployment_ref.as_ref().map(|reference| reference.name.clone()),
        healthy: state.is_ok(),
        resolved: state.is_ok() || reason == Reason::NoReadyReplicas,
        reason,
        message: message.clone(),
        never_spills,
    };
    let concurrency = spec.concurrency.as_ref().map(resilience::concurrency);
    // A fleet without replicas says so by its empty list of endpoints.
    let unavailable = (!verdict.resolved).then_some(message);
    (Backend { name: spec.name.clone(), unavailable, concurrency, target }, verdict)
}

type State = Result<(), (Reason, String)>;

fn fleet(name: &str, spill: Option<&SpillSpec>, found: Option<FleetBackend>) -> (BackendTarget, State) {
    match found {
        None => {
            let message = format!("there is no ModelDeployment {name} in this namespace");
            (no_fleet(name.to_owned()), Err((Reason::ModelDeploymentNotFound, message)))
        }
        Some(found) => {
            let state = if found.endpoints.is_empty() {
                Err((Reason::NoReadyReplicas, format!("ModelDeployment {name} has no ready replica")))
            } else {
                Ok(())
            };
            let FleetBackend { model, endpoints, context_window, adapters, hold, scaled: _, spilling } =
                found;
            let spill = spill_told(spill, spilling);
            let target = FleetTarget { model, endpoints, context_window, adapters, hold, spill };
            (BackendTarget::Fleet(target), state)
        }
    }
}

/// A target that there is not.
fn no_fleet(model: String) -> BackendTarget {
    let (endpoints, adapters) = (Vec::new(), Vec::new());
    let none = FleetTarget { model, endpoints, context_window: None, adapters, hold: None, spill: None };
    BackendTarget::Fleet(none)
}

fn external(spec: &ExternalSpec, lookup: &impl Lookup) -> (BackendTarget, State) {
    let (credentials, state) = match spec.credentials_ref.as_ref().map(|reference| key(reference, lookup)) {
        None => (None, Ok(())),
        Some(Ok(secret)) => (Some(Credentials::ApiKey(secret)), Ok(())),
        Some(Err(why)) => (None, Err(why)),
    };
    let pricing = spec.pricing.as_ref().map(|p| Pricing {
        input: p.input.clone(),
        output: p.output.clone(),
        cached_input: p.cached_input.clone(),
    });
    let priced = pricing
        .iter()
        .flat_map(|p| [&p.input, &p.output])
        .try_for_each(|price| NanoUsd::parse_usd(price).map(drop));
    let state = state.and(priced.map_err(|error| (Reason::InvalidSpec, format!("pricing: {error}"))));
    // Routers refuse a whole config for an address that cannot be parsed; the schema's pattern is not a parser.
    let base_url = spec.base_url.as_deref().or(spec.provider.base_url());
    let host = base_url.and_then(|url| url.parse::<http::Uri>().ok()?.host().map(str::to_owned));
    let state = state.and_then(|()| {
        let message = || format!("baseURL {:?} is no address", base_url.unwrap_or_default());
        let host = host.ok_or_else(|| (Reason::InvalidSpec, message()))?;
        match lookup.internal_hosts().refuses(&host) {
            None => Ok(()),
            Some(why) => Err((
                Reason::UpstreamRefused,
                format!("baseURL {:?} is refused: {why}", base_url.unwrap_or_default()),
            )),
        }
    });
    let target = ExternalTarget {
        provider: spec.provider,
        base_url: base_url.map(str::to_owned),
        model: spec.model.clone(),
        credentials,
        pricing,
        context_window: spec.context_window,
    };
    (BackendTarget::External(target), state)
}

fn key(reference: &SecretKeyRef, lookup: &impl Lookup) -> Result<Secret, (Reason, String)> {
    let SecretKeyRef { name, key } = reference;
    match lookup.secret(name) {
        SecretState::Loading => Err((Reason::SecretLoading, format!("Secret {name} is being read"))),
        SecretState::Missing => {
            Err((Reason::SecretNotFound, format!("there is no Secret {name} in this namespace")))
        }
        SecretState::Present(data) => match data.get(key) {
            None => Err((Reason::SecretKeyInvalid, format!("Secret {name} has no key {key}"))),
            Some(value) if usable(value.reveal()) => Ok(Secret::new(value.reveal().trim())),
            Some(_) => Err((
                Reason::SecretKeyInvalid,
                format!(
                    "key {key} of Secret {name} is empty or has characters that no HTTP header can carry"
                ),
            )),
        },
    }
}

/// A final newline is forgiven: `echo key | kubectl create secret … --from-file` leaves one.
fn usable(key: &str) -> bool {
    let key = key.trim();
    !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic())
}

fn rule(spec: &RuleSpec) -> Rule {
    Rule {
        name: spec.name.clone(),
        matches: Match {
            data_classes: spec.matches.data_classes.clone(),
            prompt_tokens: spec
                .matches
                .prompt_tokens
                .map(|range| PromptTokens { more_than: range.more_than, at_most: range.at_most }),
        },
        route: route(&spec.route),
        boundary: match spec.boundary {
            Some(BoundarySpec::InCluster) => Boundary::InCluster,
            Some(BoundarySpec::Anywhere) | None => Boundary::Anywhere,
        },
    }
}

fn route(spec: &RouteSpec) -> Route {
    Route {
        backends: spec
            .backends
            .iter()
            .map(|b| WeightedBackend { name: b.name.clone(), weight: b.weight.unwrap_or(100) })
            .collect(),
        fallback: spec.fallback.clone(),
        hedge: spec.hedge.unwrap_or(false),
        continuation: spec.continuation.unwrap_or(false),
    }
}

fn timeouts(spec: Option<&TimeoutsSpec>) -> Timeouts {
    let defaults = Timeouts::default();
    let field = |of: fn(&TimeoutsSpec) -> Option<&String>| spec.and_then(of);
    Timeouts {
        first_token_ms: millis(field(|t| t.first_token.as_ref()), defaults.first_token_ms),
        idle_ms: millis(field(|t| t.idle.as_ref()), defaults.idle_ms),
        total_ms: millis(field(|t| t.total.as_ref()), defaults.total_ms),
    }
}

#[cfg(test)]
pub(crate) mod tests;
