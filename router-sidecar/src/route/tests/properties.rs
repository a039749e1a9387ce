//! What holds for every policy and every request.

use super::binomial::interval;
use super::compiled;
use crate::route::{Draws, Facts, Standing, plan};
use crate::snapshot::{Policy, Side};
use flotilla_crds::router_config as config;
use flotilla_crds::router_config::{
    AdapterChoice, Backend, BackendTarget, Boundary, Endpoint, ExternalTarget, FleetAdapter, FleetTarget,
    Match, PromptTokens, Provider, Route, Rule, Sensitivity, WeightedBackend,
};
use proptest::prelude::*;
use std::collections::HashMap;

pub(super) const CLASSES: [&str; 4] = ["PHI", "pii", "Export", "unknown"];

const ADAPTERS: [&str; 2] = ["legal", "poet"];

fn backend(index: usize) -> impl Strategy<Value = Backend> {
    let window = proptest::option::of(1_u32..20_000);
    let adapters = proptest::sample::subsequence(&ADAPTERS[..], 0..=2);
    (any::<bool>(), any::<bool>(), window, adapters).prop_map(
        move |(fleet, ready, context_window, adapters)| Backend {
            name: format!("b{index}"),
            unavailable: None,
            concurrency: None,
            target: if fleet {
                let address = format!("10.0.0.{}:80", index + 1);
                let endpoints = if ready { vec![Endpoint { address }] } else { vec![] };
                let adapter =
                    |name: &&str| FleetAdapter { name: (*name).into(), choice: AdapterChoice::Lora(0) };
                let adapters = adapters.iter().map(adapter).collect();
                BackendTarget::Fleet(FleetTarget {
                    model: "m".into(),
                    endpoints,
                    context_window,
                    adapters,
                    hold: None,
                    spill: None,
                })
            } else {
                BackendTarget::External(ExternalTarget {
                    provider: Provider::default(),
                    base_url: Some("https://api.example/v1".to_owned()),
                    model: "m".into(),
                    credentials: None,
                    pricing: None,
                    context_window,
                })
            },
        },
    )
}

fn route(backends: usize) -> impl Strategy<Value = Route> {
    let weights = proptest::collection::vec(
        prop_oneof![Just(None), Just(Some(0_u32)), (1_u32..1000).prop_map(Some)],
        backends,
    );
    let order = Just((0..backends).collect::<Vec<_>>()).prop_shuffle();
    (weights, order, 0..=backends, 0..backends).prop_map(|(weights, order, fallbacks, forced)| {
        let mut listed: Vec<_> = weights.iter().enumerate().filter_map(|(i, w)| Some((i, (*w)?))).collect();
        if listed.iter().all(|(_, weight)| *weight == 0) {
            listed.retain(|(i, _)| *i != forced);
            listed.push((forced, 1));
        }
        Route {
            backends: listed
                .into_iter()
                .map(|(i, weight)| WeightedBackend { name: format!("b{i}"), weight })
                .collect(),
            fallback: order.into_iter().take(fallbacks).map(|i| format!("b{i}")).collect(),
            hedge: false,
            continuation: false,
        }
    })
}

fn rule(backends: usize) -> impl Strategy<Value = (Match, Route, Boundary)> {
    let classes = proptest::sample::subsequence(&CLASSES[..3], 0..=2);
    let range = proptest::option::of(
        (0_u32..10_000).prop_map(|above| PromptTokens { more_than: Some(above), at_most: None }),
    );
    (classes, range, route(backends), any::<bool>()).prop_map(|(classes, prompt_tokens, route, bound)| {
        let matches = Match { data_classes: classes.into_iter().map(str::to_owned).collect(), prompt_tokens };
        (matches, route, if bound { Boundary::InCluster } else { Boundary::Anywhere })
    })
}

prop_compose! {
    pub(super) fn policy()(count in 1_usize..6)(
        backends in (0..count).map(backend).collect::<Vec<_>>(),
        rules in proptest::collection::vec(rule(count), 0..4),
        default in route(count),
        fail_closed in any::<bool>(),
    ) -> config::Policy {
        let named = rules.into_iter().enumerate();
        config::Policy {
            name: "p".into(),
            models: vec!["m".into()],
            backends,
            rules: named.map(|(i, (matches, route, boundary))| Rule { name: format!("r{i}"), matches, route, boundary }).collect(),
            default,
            sensitivity: Sensitivity { fail_closed, ..Sensitivity::default() },
            clients: None,
            budgets: Vec::new(),
            timeouts: config::Timeouts::default(),
            retries: config::Retries::default(),
            ejection: config::Ejection::default(),
        }
    }
}

/// Whether a request must stay, told from the config by other means than the router's.
pub(super) fn must_stay(policy: &config::Policy, classes: &[String]) -> bool {
    let names =
        |rule: &Rule, class: &str| rule.matches.data_classes.iter().any(|c| c.eq_ignore_ascii_case(class));
    classes.iter().any(|class| {
        let bound = policy.rules.iter().any(|r| r.boundary == Boundary::InCluster && names(r, class));
        let known = policy.rules.iter().any(|r| names(r, class));
        bound || (policy.sensitivity.fail_closed && !known)
    })
}

pub(super) fn source_route(source: &config::Policy, rule: Option<usize>) -> &Route {
    rule.map_or(&source.default, |index| &source.rules[index].route)
}

fn name(policy: &Policy, target: usize) -> &str {
    &policy.backends[target].name
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn every_plan_keeps_its_promises(
        source in policy(),
        prompt_tokens in 0_u32..20_000,
        classes in proptest::sample::subsequence(&CLASSES[..], 0..=3),
        adapter in proptest::option::of(proptest::sample::select(&ADAPTERS[..])),
        draw in 0.0_f64..1.0,
    ) {
        let policy = compiled(source.clone());
        let classes: Vec<String> = classes.iter().map(|c| c.to_lowercase()).collect();
        let facts = Facts { prompt_tokens, classes: &classes, adapter, session: None, unpaid: &[] };
        let Ok(plan) = plan(&policy, &facts, draw, |_| Standing::Good) else {
            return Ok(());
        };
        let route = source_route(&source, plan.rule);
        let names: Vec<_> = plan.targets.iter().map(|t| name(&policy, *t)).collect();

        prop_assert!(!names.is_empty());
        let mut distinct = names.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), names.len(), "a target twice");

        let stays = must_stay(&source, &classes)
            || plan.rule.is_some_and(|index| source.rules[index].boundary == Boundary::InCluster);
        for target in &plan.targets {
            let backend = &policy.backends[*target];
            prop_assert!(!stays || backend.side == Side::InCluster, "{} is across the boundary", backend.name);
            prop_assert!(!backend.endpoints.is_empty());
            prop_assert!(adapter.is_none_or(|name| backend.adapter(name).is_some()));
            prop_assert!(backend.context_window.is_none_or(|window| window >= prompt_tokens));
            let never = route.backends.iter().any(|b| b.name == backend.name && b.weight == 0);
            prop_assert!(!never, "{} has weight 0", backend.name);
        }

        // After the first target come fallbacks only, in the order written.
        let place = |name: &str| route.fallback.iter().position(|f| f == name);
        let places: Vec<_> = names[1..].iter().map(|n| place(n)).collect();
        prop_assert!(places.iter().all(Option::is_some) && places.is_sorted(), "{:?} of {:?}", names, route.fallback);
    }

    #[test]
    fn weights_hold_over_a_sequence_of_draws(
        weights in proptest::collection::vec(0_u32..100, 1..5), seed in any::<u64>(),
    ) {
        prop_assume!(weights.iter().any(|w| *w > 0));
        let entry = |(i, weight): (usize, &u32)| format!("{{name: b{i}, weight: {weight}}}");
        let backends: Vec<_> = (0..weights.len())
            .map(|i| format!("{{name: b{i}, external: {{baseUrl: \"https://api.example\", model: m}}}}"))
            .collect();
        let yaml = format!(
            "name: p\nmodels: [m]\nbackends: [{}]\ndefault: {{backends: [{}]}}",
            backends.join(", "),
            weights.iter().enumerate().map(entry).collect::<Vec<_>>().join(", "),
        );
        let policy = compiled(serde_saphyr::from_str(&yaml).unwrap());
        let draws = Draws::starting_at(seed);
        let mut counts: HashMap<usize, u32> = HashMap::new();
        let rounds = 1000_u32;
        for _ in 0..rounds {
            let facts = Facts { prompt_tokens: 1, classes: &[], adapter: None, session: None, unpaid: &[] };
            let plan = plan(&policy, &facts, draws.next(), |_| Standing::Good).unwrap();
            *counts.entry(plan.targets[0]).or_default() += 1;
        }
        let total: u32 = weights.iter().sum();
        for (index, weight) in weights.iter().enumerate() {
            let got = counts.get(&index).copied().unwrap_or(0);
            // Independent draws would leave this interval for one backend in 10^9; these hug the weights more closely.
            let bounds = interval(rounds, f64::from(*weight) / f64::from(total), 1e-9);
            prop_assert!(bounds.contains(&got), "b{index}: {got}, not in {bounds:?}");
        }
    }
}
