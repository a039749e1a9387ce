use super::*;
use flotilla_crds::router_config::{AdapterChoice, Endpoint, FleetAdapter, RouterConfig};
use std::collections::BTreeMap;
use std::sync::Arc;

/// A small policy with one backend of each kind.
pub(crate) fn policy(name: &str) -> RoutingPolicy {
    let yaml = format!(
        "
apiVersion: flotilla.dev/v1alpha1
kind: RoutingPolicy
metadata: {{name: {name}, namespace: apps}}
spec:
  models: [assistant]
  backends:
  - {{name: fleet, modelDeploymentRef: {{name: llama}}, concurrency: {{maxRequests: 16, maxQueued: 64, queueTimeout: 5s}}}}
  - name: gpt
    external: {{baseURL: 'https://api.example/v1', model: gpt-4o, credentialsRef: {{name: keys, key: gpt}}, pricing: {{input: '2.50', output: '10.00'}}, contextWindow: 128000}}
  rules:
  - {{name: phi, match: {{dataClasses: [PHI]}}, route: {{backends: [{{name: fleet}}]}}, boundary: InCluster}}
  - {{name: long, match: {{promptTokens: {{moreThan: 6000}}}}, route: {{backends: [{{name: gpt}}]}}}}
  default: {{backends: [{{name: fleet, weight: 95}}, {{name: gpt, weight: 5}}], fallback: [gpt], hedge: true, continuation: true}}
  timeouts: {{firstToken: 1m30s}}
  retries: {{budgetPercent: 10, onAuth: true}}
  ejection: {{consecutiveFailures: 3, baseDuration: 5s, maxDuration: 1m}}
  sensitivity: {{detectors: [SSN, MRN], patterns: [{{name: staff, pattern: 'EMP-[0-9]+', dataClass: HR}}], onDetect: PHI}}
  clientKeys: {{limits: {{requestsPerMinute: 600, tokensPerMinute: 100000}}}}
  attach: {{selector: {{matchLabels: {{app: chat}}}}}}
"
    );
    serde_saphyr::from_str(&yaml).unwrap()
}

#[derive(Default)]
struct World {
    clients: Option<BTreeMap<String, Secret>>,
    internal_hosts: InternalHosts,
    fleet: BTreeMap<&'static str, FleetBackend>,
    secrets: BTreeMap<&'static str, BTreeMap<String, Secret>>,
}

impl Lookup for World {
    fn fleet(&self, name: &str) -> Option<FleetBackend> {
        self.fleet.get(name).cloned()
    }
    fn secret(&self, name: &str) -> SecretState {
        self.secrets
            .get(name)
            .map_or(SecretState::Missing, |data| SecretState::Present(Arc::new(data.clone())))
    }
    fn client_keys(&self, _: &str) -> Keys {
        Arc::new(self.clients.clone().unwrap_or_default())
    }
    fn client_keys_loading(&self, _: &str) -> bool {
        self.clients.is_none()
    }
    fn internal_hosts(&self) -> &InternalHosts {
        &self.internal_hosts
    }
}

fn whole_world() -> World {
    let endpoints = vec![Endpoint { address: "10.0.0.1:8080".to_owned() }];
    World {
        fleet: BTreeMap::from([(
            "llama",
            FleetBackend {
                model: "llama-3b".to_owned(),
                endpoints,
                context_window: Some(8192),
                adapters: vec![FleetAdapter { name: "legal".to_owned(), choice: AdapterChoice::Lora(0) }],
                hold: None,
                scaled: true,
                spilling: Vec::new(),
            },
        )]),
        secrets: BTreeMap::from([("keys", BTreeMap::from([("gpt".to_owned(), Secret::new("sk-1\n"))]))]),
        clients: Some(
            [("team-a", "key-a\n"), ("team-b", "key-b"), ("team-c", "key-a")]
                .map(|(name, key)| (name.to_owned(), Secret::new(key)))
                .into(),
        ),
        internal_hosts: InternalHosts::default(),
    }
}

#[test]
fn a_policy_compiles_to_the_wire_form() {
    let compiled = compile(&policy("split"), &whole_world());
    assert!(compiled.backends.iter().all(|b| b.healthy));
    insta::assert_json_snapshot!("router-config", RouterConfig::new(vec![compiled.policy]));
}

#[test]
fn while_the_keys_of_clients_are_not_known_nobody_gets_in_and_it_is_said() {
    let world = World { clients: None, ..whole_world() };
    let compiled = compile(&policy("split"), &world);
    assert_eq!(compiled.clients_loading.as_deref(), Some("apps"));
    assert!(compiled.policy.clients.is_some_and(|clients| clients.keys.is_empty()));
    let without_clients = World { clients: Some(BTreeMap::new()), ..whole_world() };
    assert_eq!(compile(&policy("split"), &without_clients).clients_loading, None, "there are none");
    let mut open = policy("split");
    open.spec.client_keys = None;
    assert_eq!(compile(&open, &world).clients_loading, None, "it asks for no keys");
}

#[test]
fn what_is_missing_marks_its_backend_and_leaves_the_rest() {
    let mut world = whole_world();
    world.secrets.clear();
    world.fleet.clear();
    let compiled = compile(&policy("split"), &world);
    let reasons: Vec<_> = compiled.backends.iter().map(|b| b.reason).collect();
    assert_eq!(reasons, [Reason::ModelDeploymentNotFound, Reason::SecretNotFound]);
    assert!(compiled.policy.backends.iter().all(|b| b.unavailable.is_some()));
    assert_eq!(compiled.policy.default, compile(&policy("split"), &whole_world()).policy.default);
}

#[test]
fn requests_spill_in_the_states_that_the_policy_names() {
    use flotilla_crds::router_config::{Feature, Spill, SpillState};
    let mut object = policy("split");
    let mut world = whole_world();
    let spill = |object: &RoutingPolicy, world: &World, features: &[Feature]| {
        let policy = compile(object, world).policy.for_features(features);
        match &policy.backends[0].target {
            BackendTarget::Fleet(fleet) => fleet.spill.clone(),
            BackendTarget::External(_) => None,
        }
    };
    world.fleet.get_mut("llama").unwrap().spilling = vec![(SpillState::Saturated, 40)];
    assert_eq!(spill(&object, &world, &Feature::ALL), None, "the policy does not want it");
    object.spec.spill = Some(serde_saphyr::from_str("{backend: gpt, when: [NoFit, Saturated]}").unwrap());
    let expected = Spill { backend: "gpt".to_owned(), state: SpillState::Saturated, percent: 40 };
    assert_eq!(spill(&object, &world, &Feature::ALL), Some(expected));
    assert_eq!(spill(&object, &world, &[]), None, "an older router would refuse what it does not know");
    world.fleet.get_mut("llama").unwrap().spilling = vec![(SpillState::Loading, 100)];
    assert_eq!(spill(&object, &world, &Feature::ALL), None);
    world.fleet.get_mut("llama").unwrap().spilling =
        vec![(SpillState::Loading, 100), (SpillState::Saturated, 40)];
    let percent = spill(&object, &world, &Feature::ALL).map(|spill| (spill.state, spill.percent));
    assert_eq!(percent, Some((SpillState::Saturated, 40)), "the most in the states that it names");
}

#[test]
fn a_policy_that_spills_knows_of_models_whose_load_nobody_looks_at() {
    let (mut object, mut world) = (policy("split"), whole_world());
    let never = |object: &RoutingPolicy, world: &World| {
        compile(object, world).backends.iter().map(|backend| backend.never_spills).collect::<Vec<_>>()
    };
    world.fleet.get_mut("llama").unwrap().scaled = false;
    assert_eq!(never(&object, &world), [false, false], "it does not spill");
    object.spec.spill = Some(serde_saphyr::from_str("{backend: gpt}").unwrap());
    assert_eq!(never(&object, &world), [true, false]);
    world.fleet.get_mut("llama").unwrap().scaled = true;
    assert_eq!(never(&object, &world), [false, false]);
    world.fleet.clear();
    assert_eq!(never(&object, &world), [false, false], "another condition says that it is missing");
}

#[test]
fn a_fleet_without_replicas_is_resolved_but_not_healthy() {
    let mut world = whole_world();
    world.fleet.get_mut("llama").unwrap().endpoints.clear();
    let fleet = &compile(&policy("split"), &world).backends[0];
    assert_eq!((fleet.healthy, fleet.resolved, fleet.reason), (false, true, Reason::NoReadyReplicas));
}

#[test]
fn keys_that_no_header_can_carry_are_refused_without_being_shown() {
    for bad in ["", " \n", "two words", "naïve", "a\u{7f}"] {
        let mut world = whole_world();
        world.secrets.insert("keys", BTreeMap::from([("gpt".to_owned(), Secret::new(bad))]));
        let verdict = &compile(&policy("split"), &world).backends[1];
        assert_eq!(verdict.reason, Reason::SecretKeyInvalid, "{bad:?}");
        assert!(bad.trim().is_empty() || !verdict.message.contains(bad));
    }
}

#[test]
fn a_changed_key_is_a_new_revision() {
    let revision = |key: &str| {
        let mut world = whole_world();
        world.secrets.insert("keys", BTreeMap::from([("gpt".to_owned(), Secret::new(key))]));
        RouterConfig::new(vec![compile(&policy("split"), &world).policy]).revision
    };
    assert_ne!(revision("sk-1"), revision("sk-2"));
    assert_eq!(revision("sk-1"), revision("sk-1\n"));
}

#[test]
fn an_address_that_routers_cannot_parse_takes_its_own_backend_out_and_no_other() {
    let mut object = policy("split");
    object.spec.backends[1].external.as_mut().unwrap().base_url = Some("https://[::1/v1".to_owned());
    let compiled = compile(&object, &whole_world());
    let reasons: Vec<_> = compiled.backends.iter().map(|b| (b.healthy, b.reason)).collect();
    assert_eq!(reasons, [(true, Reason::Resolved), (false, Reason::InvalidSpec)]);
    assert!(compiled.policy.backends[1].unavailable.is_some());
}

#[test]
fn a_policy_for_clients_without_any_key_lets_nobody_in_and_hashes_are_all_that_routers_get() {
    let mut world = whole_world();
    world.clients = Some(BTreeMap::new());
    let clients = |world: &World| compile(&policy("split"), world).policy.clients.unwrap();
    assert!(clients(&world).keys.is_empty());
    let clients = clients(&whole_world());
    let names: Vec<_> = clients.keys.iter().map(|key| key.name.as_str()).collect();
    assert_eq!(names, ["team-a", "team-b"], "team-c has team-a's key");
    assert!(!format!("{clients:?}").contains("key-"));
}

#[test]
fn an_address_inside_takes_its_own_backend_out_unless_the_operator_allows_it() {
    let mut object = policy("split");
    object.spec.backends[1].external.as_mut().unwrap().base_url =
        Some("http://169.254.169.254/latest".to_owned());
    let mut world = whole_world();
    let compiled = compile(&object, &world);
    assert_eq!((compiled.backends[1].healthy, compiled.backends[1].reason), (false, Reason::UpstreamRefused));
    assert!(compiled.policy.backends[1].unavailable.as_ref().unwrap().contains("link-local"));
    world.internal_hosts.allowed = true;
    assert!(compile(&object, &world).backends[1].healthy);
}
