//! `RouterConfig` to [`Snapshot`]: every check, and everything that can be built before a request comes.

mod backend;
mod budgets;
mod clients;
mod route;

use super::error::{BackendError, PolicyError};
use super::{ConfigError, Endpoint, Health, Held, Load, Policy, Served, Side, Snapshot, Timeouts, models};
use crate::access::{Clients, Limiter};
use crate::account::{Demand, Metrics};
use crate::budget::{Budget, Purses, Unit};
use crate::classify::{Classifier, Sticky};
use crate::route::{BudgetRules, Draws, EjectionRules, Memory, Pace, RetryBudget, hash};
use crate::upstream::{Gate, GateRules, Pool};
use flotilla_crds::router_config as config;
use flotilla_crds::router_config::{Boundary, Period, ROUTER_CONFIG_VERSION, RouterConfig};
use http::{HeaderName, Uri};
use std::collections::hash_map::Entry;
use std::collections::{BTreeMap, BTreeSet, HashMap, HashSet};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What a new snapshot takes over from the one before, so that a swap disturbs neither balance nor split.
#[derive(Debug, Default)]
pub(super) struct Carried {
    draws: HashMap<String, Arc<Draws>>,
    loads: HashMap<String, Arc<Load>>,
    pools: HashMap<SocketAddr, Arc<Pool>>,
    budgets: HashMap<String, Arc<RetryBudget>>,
    health: HashMap<(String, String), Arc<Health>>,
    memories: HashMap<(String, String), Arc<Memory>>,
    gates: HashMap<(String, String), Arc<Gate>>,
    paces: HashMap<(String, String), Arc<Pace>>,
    stickies: HashMap<String, Arc<Sticky>>,
    limiters: HashMap<(String, String), Arc<Limiter>>,
    demands: HashMap<(String, String), Arc<Demand>>,
    held: HashMap<(String, String), Arc<Held>>,
    purses: BTreeMap<PursesKey, Arc<Purses>>,
    /// Models by the address that serves them, of the config that is being compiled.
    models: HashMap<String, HashSet<String>>,
}

/// What a budget's accounts are known by: policy, name, and what its amounts are, how often it is full again and
/// whether they are granted. What was counted otherwise says nothing about a budget that was changed under its name.
type PursesKey = (String, String, Unit, Period, bool);

/// Whose health an address has: that of a pod is everybody's, that of an external API belongs to one backend, as
/// quotas go by model and key.
fn owner(policy: &str, backend: &str, side: Side) -> String {
    match side {
        Side::InCluster => String::new(),
        Side::External => format!("{policy} {backend}"),
    }
}

impl Carried {
    /// The long-lived parts of a snapshot.
    pub(super) fn from(snapshot: &Snapshot) -> Self {
        let mut carried = Self::default();
        for policy in &snapshot.policies {
            carried.draws.insert(policy.name.clone(), Arc::clone(&policy.draws));
            carried.budgets.insert(policy.name.clone(), Arc::clone(&policy.budget));
            carried.stickies.insert(policy.name.clone(), Arc::clone(&policy.sticky));
            for budget in &policy.budgets {
                let Budget { name, unit, per, leased, .. } = budget;
                let key = (policy.name.clone(), name.clone(), *unit, *per, *leased);
                carried.purses.insert(key, Arc::clone(&budget.purses));
            }
            for client in policy.clients.iter().flat_map(Clients::iter) {
                let key = (policy.name.clone(), client.name.clone());
                carried.limiters.insert(key, Arc::clone(&client.limiter));
            }
            for backend in &policy.backends {
                let key = (policy.name.clone(), backend.name.clone());
                if let Some((gate, _)) = &backend.gate {
                    carried.gates.insert(key.clone(), Arc::clone(gate));
                }
                carried.paces.insert(key.clone(), Arc::clone(&backend.pace));
                carried.demands.insert(key.clone(), Arc::clone(&backend.demand));
                carried.held.insert(key.clone(), Arc::clone(&backend.held));
                carried.memories.insert(key, Arc::clone(&backend.memory));
                for endpoint in &backend.endpoints {
                    let (uri, owner) =
                        (endpoint.chat.to_string(), owner(&policy.name, &backend.name, backend.side));
                    carried.loads.insert(uri.clone(), Arc::clone(&endpoint.load));
                    if let Some(pool) = &endpoint.pool {
                        carried.pools.insert(pool.address(), Arc::clone(pool));
                    }
                    carried.health.insert((owner, uri), Arc::clone(&endpoint.health));
                }
            }
        }
        carried
    }

    fn draws(&self, policy: &str) -> Arc<Draws> {
        self.draws.get(policy).map_or_else(
            // A fixed start would send the first request after every start of a router to the same side.
            || Arc::new(Draws::starting_at(rand::random())),
            Arc::clone,
        )
    }

    /// What a client did in the last minute.
    fn limiter(&self, policy: &str, client: &str) -> Arc<Limiter> {
        self.limiters.get(&(policy.to_owned(), client.to_owned())).map(Arc::clone).unwrap_or_default()
    }

    /// What a budget has spent.
    fn purses(&self, policy: &str, budget: &config::Budget, unit: Unit) -> Arc<Purses> {
        let key = (policy.to_owned(), budget.name.clone(), unit, budget.per, budget.leased);
        self.purses.get(&key).map(Arc::clone).unwrap_or_default()
    }

    fn budget(&self, policy: &str) -> Arc<RetryBudget> {
        self.budgets.get(policy).map_or_else(|| Arc::new(RetryBudget::new(Instant::now())), Arc::clone)
    }

    /// An endpoint; its address for chats is what it is known by.
    fn endpoint(&mut self, owner: &str, chat: Uri, embeddings: Option<Uri>) -> Endpoint {
        let address = chat.to_string();
        let id = hash(address.as_bytes());
        let load = Arc::clone(self.loads.entry(address.clone()).or_default());
        let health = Arc::clone(self.health.entry((owner.to_owned(), address)).or_default());
        let pool = plain_address(&chat).map(|address| {
            Arc::clone(self.pools.entry(address).or_insert_with(|| Arc::new(Pool::new(address))))
        });
        Endpoint { chat, embeddings, pool, id, load, health }
    }

    /// The memory for these endpoints of a backend; the same one if they have not changed.
    fn memory(&self, policy: &str, backend: &str, endpoints: &[Endpoint]) -> Arc<Memory> {
        let ids = || endpoints.iter().map(|endpoint| endpoint.id);
        match self.memories.get(&(policy.to_owned(), backend.to_owned())) {
            None => Arc::new(Memory::new(ids())),
            Some(memory) if memory.is_of(ids()) => Arc::clone(memory),
            Some(memory) => Arc::new(memory.carried_to(ids())),
        }
    }

    /// How long a backend takes, as far as it is known.
    fn pace(&self, policy: &str, backend: &str) -> Arc<Pace> {
        self.paces.get(&(policy.to_owned(), backend.to_owned())).map(Arc::clone).unwrap_or_default()
    }

    /// What is asked of a backend.
    fn demand(&self, policy: &str, backend: &str) -> Arc<Demand> {
        self.demands.get(&(policy.to_owned(), backend.to_owned())).map(Arc::clone).unwrap_or_default()
    }

    /// Who waits for a backend's first replica.
    fn held(&self, policy: &str, backend: &str) -> Arc<Held> {
        self.held.get(&(policy.to_owned(), backend.to_owned())).map(Arc::clone).unwrap_or_default()
    }

    /// A backend's gate; who is inside stays counted.
    fn gate(
        &self,
        policy: &str,
        backend: &str,
        source: Option<config::Concurrency>,
        endpoints: usize,
    ) -> Result<Option<(Arc<Gate>, GateRules)>, BackendError> {
        let Some(source) = source else {
            return Ok(None);
        };
        if source.max_requests == 0 {
            return Err(BackendError::NoRequests);
        }
        let count = |number: u32| usize::try_from(number).unwrap_or(usize::MAX);
        let rules = GateRules {
            running: count(source.max_requests).saturating_mul(endpoints.max(1)),
            waiting: count(source.max_queued),
            patience: Duration::from_millis(source.queue_timeout_ms),
        };
        // One that is there is bound anew when the config is in force.
        let gate = self.gates.get(&(policy.to_owned(), backend.to_owned())).map(Arc::clone);
        Ok(Some((gate.unwrap_or_else(|| Arc::new(Gate::new(rules.running))), rules)))
    }

    /// Notes which models the addresses of a config serve.
    fn note_models(&mut self, config: &RouterConfig) {
        for backend in config.policies.iter().flat_map(|policy| &policy.backends) {
            if let config::BackendTarget::Fleet(fleet) = &backend.target {
                for endpoint in &fleet.endpoints {
                    let models = self.models.entry(endpoint.address.clone()).or_default();
                    models.insert(fleet.model.clone());
                }
            }
        }
    }

    /// The model as a number, if an endpoint serves another one besides.
    fn number(&self, fleet: &config::FleetTarget) -> Option<u64> {
        let several =
            |e: &config::Endpoint| self.models.get(&e.address).is_some_and(|models| models.len() > 1);
        fleet.endpoints.iter().any(several).then(|| hash(fleet.model.as_bytes()))
    }
}

/// Where to connect to, if neither a name has to be looked up nor TLS be spoken.
fn plain_address(uri: &Uri) -> Option<SocketAddr> {
    if uri.scheme_str() != Some("http") {
        return None;
    }
    let host = uri.host()?;
    let ip: IpAddr = host.trim_start_matches('[').trim_end_matches(']').parse().ok()?;
    Some(SocketAddr::new(ip, uri.port_u16().unwrap_or(80)))
}

/// Compiles and checks a whole config. `created` is now, in seconds since 1970.
pub(super) fn snapshot(
    config: &RouterConfig,
    metrics: &Metrics,
    mut carried: Carried,
    created: i64,
) -> Result<Snapshot, ConfigError> {
    if config.version != ROUTER_CONFIG_VERSION {
        return Err(ConfigError::Version(config.version.clone()));
    }
    carried.note_models(config);
    let mut by_model: HashMap<Box<str>, Served> = HashMap::new();
    let mut policies = Vec::with_capacity(config.policies.len());
    let mut names = HashSet::new();
    for source in &config.policies {
        if !names.insert(source.name.as_str()) {
            return Err(ConfigError::DuplicatePolicy(source.name.clone()));
        }
        if source.models.is_empty() {
            return Err(ConfigError::NoModels(source.name.clone()));
        }
        let compiled = Arc::new(policy(source, metrics, &mut carried)?);
        for model in &source.models {
            let served = Served { policy: Arc::clone(&compiled), adapter: None };
            if let Some(Served { policy: first, .. }) = by_model.insert(model.as_str().into(), served) {
                let (first, second) = (first.name.clone(), source.name.clone());
                return Err(ConfigError::DuplicateModel { model: model.clone(), first, second });
            }
        }
        policies.push(compiled);
    }
    let mut listed = Vec::with_capacity(by_model.len());
    for (source, compiled) in config.policies.iter().zip(&policies) {
        for model in &source.models {
            listed.push(model.clone());
            for adapter in adapters(source) {
                let name = format!("{model}:{adapter}");
                // A policy may claim the name for something else.
                if let Entry::Vacant(free) = by_model.entry(name.as_str().into()) {
                    free.insert(Served { policy: Arc::clone(compiled), adapter: Some(adapter.into()) });
                    listed.push(name);
                }
            }
        }
    }
    Ok(Snapshot {
        revision: config.revision.clone(),
        model_list: models::list(listed.iter().map(String::as_str), created),
        policies,
        by_model,
        created,
    })
}

/// The adapters that any backend of a policy has: each makes a further name of each of its models.
fn adapters(policy: &config::Policy) -> BTreeSet<&str> {
    let fleet = policy.backends.iter().filter_map(|backend| match &backend.target {
        config::BackendTarget::Fleet(fleet) => Some(fleet),
        config::BackendTarget::External(_) => None,
    });
    fleet.flat_map(|fleet| &fleet.adapters).map(|adapter| adapter.name.as_str()).collect()
}

fn policy(source: &config::Policy, metrics: &Metrics, carried: &mut Carried) -> Result<Policy, ConfigError> {
    let wrap = |error| ConfigError::Policy { policy: source.name.clone(), source: error };
    let mut index = HashMap::new();
    let mut backends = Vec::with_capacity(source.backends.len());
    for (position, from) in source.backends.iter().enumerate() {
        if index.insert(from.name.as_str(), position).is_some() {
            return Err(wrap(PolicyError::DuplicateBackend(from.name.clone())));
        }
    }
    for from in &source.backends {
        let counters = metrics.backend(&source.name, &from.name)?;
        let compiled = backend::backend(&source.name, from, &index, counters, carried)
            .map_err(|error| wrap(PolicyError::Backend { backend: from.name.clone(), source: error }))?;
        backends.push(Arc::new(compiled));
    }
    let rules = route::rules(&source.rules, &index).map_err(wrap)?;
    let bound = rules.iter().filter(|rule| rule.boundary == Boundary::InCluster);
    let class_header = HeaderName::from_bytes(source.sensitivity.header.as_bytes())
        .map_err(|_| wrap(PolicyError::Header(source.sensitivity.header.clone())))?;
    Ok(Policy {
        name: source.name.clone(),
        default: route::route("default", &source.default, &index).map_err(wrap)?,
        class_header,
        bound_classes: bound.flat_map(|rule| rule.classes.iter().cloned()).collect(),
        named_classes: rules.iter().flat_map(|rule| rule.classes.iter().cloned()).collect(),
        fail_closed: source.sensitivity.fail_closed,
        classifier: classifier(&source.sensitivity).map_err(wrap)?,
        sticky: carried.stickies.get(&source.name).map(Arc::clone).unwrap_or_default(),
        clients: source
            .clients
            .as_ref()
            .map(|from| clients::clients(&source.name, from, metrics, carried))
            .transpose()
            .map_err(wrap)?,
        budgets: budgets::budgets(source, &backends, carried).map_err(wrap)?,
        timeouts: timeouts(source.timeouts).map_err(wrap)?,
        draws: carried.draws(&source.name),
        budget: carried.budget(&source.name),
        budget_rules: BudgetRules {
            percent: source.retries.budget_percent,
            per_second: source.retries.min_per_second,
        },
        failover_on_auth: source.retries.on_auth,
        ejection: ejection(source.ejection),
        backends,
        rules,
    })
}

fn classifier(source: &config::Sensitivity) -> Result<Option<Classifier>, PolicyError> {
    let on_detect = source.on_detect.as_deref().unwrap_or_default().trim();
    let without_class =
        source.patterns.iter().any(|p| p.data_class.as_ref().is_none_or(|c| c.trim().is_empty()));
    if on_detect.is_empty() && (!source.detectors.is_empty() || without_class) {
        return Err(PolicyError::NoClass);
    }
    Ok(Classifier::new(&source.detectors, &source.patterns, on_detect)?)
}

fn ejection(source: config::Ejection) -> EjectionRules {
    let base = Duration::from_millis(source.base_ms);
    EjectionRules {
        consecutive_failures: source.consecutive_failures,
        failure_percent: source.failure_percent,
        min_requests: source.min_requests,
        base,
        max: Duration::from_millis(source.max_ms).max(base),
    }
}

fn timeouts(source: config::Timeouts) -> Result<Timeouts, PolicyError> {
    let positive = |name, ms| match ms {
        0 => Err(PolicyError::ZeroTimeout(name)),
        ms => Ok(Duration::from_millis(ms)),
    };
    Ok(Timeouts {
        first_token: positive("firstTokenMs", source.first_token_ms)?,
        idle: positive("idleMs", source.idle_ms)?,
        total: positive("totalMs", source.total_ms)?,
    })
}
