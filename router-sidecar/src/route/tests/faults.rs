//! What holds whatever has failed: over any policy, any request and any standing of its backends.

use super::binomial::interval;
use super::compiled;
use super::properties::{CLASSES, policy, source_route};
use crate::route::{Facts, Plan, Standing, mix, plan};
use crate::snapshot::{BackendIndex, Policy};
use proptest::prelude::*;
use std::cell::RefCell;
use std::sync::LazyLock;
use std::time::{Duration, Instant};

static START: LazyLock<Instant> = LazyLock::new(Instant::now);

fn standing() -> impl Strategy<Value = Standing> {
    prop_oneof![
        2 => Just(Standing::Good),
        1 => (1_u64..100, any::<bool>()).prop_map(|(seconds, ejected)| Standing::Resting {
            until: *START + Duration::from_secs(seconds),
            ejected,
        }),
    ]
}

/// The backends of the policies above, at most.
pub(super) const BACKENDS: usize = 6;

pub(super) fn standings() -> impl Strategy<Value = Vec<Standing>> {
    proptest::collection::vec(standing(), BACKENDS)
}

fn decide(policy: &Policy, facts: &Facts<'_>, draw: f64, standings: &[Standing]) -> Option<Plan> {
    plan(policy, facts, draw, |backend| standings[backend]).ok()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn what_is_left_alone_comes_after_all_that_is_well(
        source in policy(), prompt_tokens in 0_u32..20_000, draw in 0.0_f64..1.0, standings in standings(),
        session in proptest::option::of(any::<u64>()),
    ) {
        let policy = compiled(source.clone());
        let facts = Facts { prompt_tokens, classes: &[], adapter: None, session, unpaid: &[] };
        let asked = RefCell::new(Vec::new());
        let outcome = plan(&policy, &facts, draw, |backend| {
            asked.borrow_mut().push(backend);
            standings[backend]
        });
        let asked = asked.into_inner();
        let Ok(plan) = outcome else {
            prop_assert!(asked.is_empty(), "a request without a target needs no standings");
            return Ok(());
        };
        let route = source_route(&source, plan.rule);
        // The cost: once for each candidate of the one route, however many rules and backends there are.
        let mut distinct = asked.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), asked.len());
        let candidate = |b: BackendIndex| {
            let name = &policy.backends[b].name;
            route.fallback.contains(name) || route.backends.iter().any(|w| &w.name == name && w.weight > 0)
        };
        prop_assert!(asked.iter().all(|b| candidate(*b)));

        // The set is what all of these being well would give; what was asked is all that could be used.
        let well = |b: &BackendIndex| standings[*b] == Standing::Good;
        if asked.iter().any(well) {
            let all_well = plan.targets.len() - plan.resting;
            prop_assert!(all_well > 0 && plan.targets[..all_well].iter().all(well), "{:?} of {:?}", plan, standings);
            prop_assert!(!plan.targets[all_well..].iter().any(well), "{:?} of {:?}", plan, standings);
        } else {
            prop_assert_eq!(plan.resting, 0);
            let best = asked.iter().map(|b| standings[*b]).min();
            prop_assert_eq!(Some(standings[plan.targets[0]]), best);
        }
        let mut targets = plan.targets.clone();
        targets.sort_unstable();
        targets.dedup();
        prop_assert_eq!(targets.len(), plan.targets.len(), "a target twice");
        prop_assert!(plan.targets.iter().all(|b| asked.contains(b)));
        // Fallbacks keep their order, and none that can be used is left out.
        let place = |b: &BackendIndex| route.fallback.iter().position(|f| *f == policy.backends[*b].name);
        prop_assert!(asked.iter().all(|b| place(b).is_none() || plan.targets.contains(b)));
        let (used, spare) = plan.targets.split_at(plan.targets.len() - plan.resting);
        let places: Vec<_> = used[1..].iter().map(place).collect();
        prop_assert!(places.iter().all(Option::is_some) && places.is_sorted());
        // A weighted target is among those left alone only if none could be drawn, and then it is the first.
        let weighted = |b: &BackendIndex| {
            let name = &policy.backends[*b].name;
            route.backends.iter().any(|w| &w.name == name && w.weight > 0)
        };
        let undrawn = !asked.iter().any(|b| weighted(b) && well(b));
        let first = usize::from(undrawn && spare.first().is_some_and(weighted));
        let places: Vec<_> = spare[first..].iter().map(place).collect();
        prop_assert!(places.iter().all(Option::is_some) && places.is_sorted());
    }

    #[test]
    fn a_session_stays_at_its_target_while_that_is_well(
        source in policy(), prompt_tokens in 0_u32..20_000, session in any::<u64>(),
        draws in proptest::array::uniform2(0.0_f64..1.0), standings in standings(),
        classes in proptest::sample::subsequence(&CLASSES[..], 0..=3),
    ) {
        let policy = compiled(source);
        let classes: Vec<String> = classes.iter().map(|c| c.to_lowercase()).collect();
        let facts = Facts { prompt_tokens, classes: &classes, adapter: None, session: Some(session), unpaid: &[] };
        let Some(home) = decide(&policy, &facts, draws[0], &[Standing::Good; BACKENDS]) else {
            return Ok(());
        };
        let first = home.targets[0];
        prop_assume!(standings[first] == Standing::Good);
        let now = decide(&policy, &facts, draws[1], &standings).map(|plan| plan.targets[0]);
        prop_assert_eq!(now, Some(first));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 100, ..ProptestConfig::default() })]

    #[test]
    fn weights_hold_among_those_that_are_well(
        weights in proptest::collection::vec(0_u32..100, BACKENDS), standings in standings(), seed in any::<u64>(),
        by_session in any::<bool>(),
    ) {
        let well = |i: usize| weights[i] > 0 && standings[i] == Standing::Good;
        let total: u32 = (0..BACKENDS).filter(|i| well(*i)).map(|i| weights[i]).sum();
        prop_assume!(total > 0);
        let backend = |i| format!("{{name: b{i}, external: {{baseUrl: \"https://api.example\", model: m}}}}");
        let entry = |i: usize| format!("{{name: b{i}, weight: {}}}", weights[i]);
        let list = |of: &dyn Fn(usize) -> String| (0..BACKENDS).map(of).collect::<Vec<_>>().join(", ");
        let yaml = format!(
            "name: p\nmodels: [m]\nbackends: [{}]\ndefault: {{backends: [{}]}}", list(&backend), list(&entry)
        );
        let policy = compiled(serde_saphyr::from_str(&yaml).unwrap());
        let mut counts = [0_u32; BACKENDS];
        let rounds = 1000_u32;
        for round in 0..u64::from(rounds) {
            // Independent draws, and independent sessions.
            let number = mix(seed ^ mix(round));
            let draw = (number >> 11) as f64 / (1_u64 << 53) as f64;
            let facts = Facts { prompt_tokens: 1, classes: &[], adapter: None, session: by_session.then_some(number), unpaid: &[] };
            counts[decide(&policy, &facts, draw, &standings).unwrap().targets[0]] += 1;
        }
        for (i, count) in counts.into_iter().enumerate() {
            let share = if well(i) { f64::from(weights[i]) / f64::from(total) } else { 0.0 };
            // A false alarm for one backend in 10^9.
            let bounds = interval(rounds, share, 1e-9);
            prop_assert!(bounds.contains(&count), "b{}: {}, not in {:?} of {:?}", i, count, bounds, weights);
        }
    }
}
