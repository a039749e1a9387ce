//! What a fleet backend spills.

use super::compiled;
use super::faults::standings;
use super::properties::{CLASSES, must_stay, policy, source_route};
use crate::route::{Dice, Draws, Facts, Plan, Reason, Standing, plan};
use crate::snapshot::{Policy, Side};
use flotilla_crds::router_config as config;
use flotilla_crds::router_config::{BackendTarget, Spill, SpillState};
use proptest::prelude::*;
use std::sync::Arc;

/// Any policy, some of whose fleet backends spill to any backend of it.
pub(super) fn spilling() -> impl Strategy<Value = config::Policy> {
    let spill = (0_usize..6, 1_u8..=100, proptest::sample::select(SpillState::ALL.to_vec()));
    (policy(), proptest::collection::vec(proptest::option::of(spill), 6)).prop_map(|(mut policy, spills)| {
        let count = policy.backends.len();
        for (index, (backend, spill)) in policy.backends.iter_mut().zip(spills).enumerate() {
            if let (BackendTarget::Fleet(fleet), Some((to, percent, state))) = (&mut backend.target, spill)
                && to % count != index
            {
                fleet.spill = Some(Spill { backend: format!("b{}", to % count), state, percent });
            }
        }
        policy
    })
}

const POLICY: &str = r#"
name: team/assistant
models: [assistant]
backends:
- {name: small, fleet: {model: s, endpoints: [{address: "10.0.0.1:80"}], SPILL}}
- {name: gpt, external: {baseUrl: "https://api.example/v1", model: gpt-4o}}
- {name: claude, external: {baseUrl: "https://api.example/v1", model: c, contextWindow: 1000}}
rules:
- {name: phi, match: {dataClasses: [PHI]}, route: {backends: [{name: small}]}, boundary: InCluster}
- {name: never, match: {dataClasses: [never]}, route: {backends: [{name: small}, {name: claude, weight: 0}]}}
default: {backends: [{name: small, weight: 80}, {name: gpt, weight: 20}], fallback: [gpt]}
"#;

fn with(spill: &str) -> Arc<Policy> {
    compiled(serde_saphyr::from_str(&POLICY.replace("SPILL", spill)).unwrap())
}

fn full(percent: u8) -> Arc<Policy> {
    with(&format!("spill: {{backend: claude, state: Saturated, percent: {percent}}}"))
}

fn decide(policy: &Policy, class: &str, draw: f64, session: Option<u64>) -> Plan {
    let facts =
        Facts { prompt_tokens: 10, classes: &[class.to_owned()], adapter: None, unpaid: &[], session };
    plan(policy, &facts, draw, |_| Standing::Good).unwrap()
}

fn names(policy: &Policy, plan: &Plan) -> Vec<String> {
    plan.targets.iter().map(|target| policy.backends[*target].name.clone()).collect()
}

#[test]
fn the_share_goes_first_to_the_other_target_and_the_rest_last() {
    let policy = full(25);
    for (class, draw, targets) in [
        // A quarter of the four fifths that are meant for the fleet.
        ("never-named", 0.0, &["small"][..]),
        ("", 0.0, &["claude", "small", "gpt"]),
        ("", 0.199, &["claude", "small", "gpt"]),
        ("", 0.201, &["small", "gpt", "claude"]),
        ("", 0.799, &["small", "gpt", "claude"]),
        ("", 0.801, &["gpt"]),
        ("phi", 0.0, &["small"]),
        ("never", 0.0, &["small"]),
    ] {
        let classes = if class.is_empty() { vec![] } else { vec![class.to_owned()] };
        let facts = Facts { prompt_tokens: 10, classes: &classes, adapter: None, unpaid: &[], session: None };
        let plan = plan(&policy, &facts, draw, |_| Standing::Good).unwrap();
        assert_eq!(names(&policy, &plan), targets, "{class:?} {draw}");
        assert_eq!(plan.spills, targets.first() == Some(&"claude"), "{class:?} {draw}");
    }
}

#[test]
fn the_reason_names_the_state() {
    let policy = full(25);
    let facts = Facts { prompt_tokens: 10, classes: &[], adapter: None, unpaid: &[], session: None };
    let plan = plan(&policy, &facts, 0.0, |_| Standing::Good).unwrap();
    let words: Vec<_> = plan.reasons.iter().map(|reason| reason.describe(&policy).to_string()).collect();
    assert_eq!(words.last().map(String::as_str), Some("small spills 25 of 100 to claude: Saturated"));
}

#[test]
fn without_a_replica_all_goes_to_the_other_target_and_not_to_the_rest_of_the_route() {
    let policy = compiled(
        serde_saphyr::from_str(
            &POLICY
                .replace("SPILL", "spill: {backend: claude, state: ScaledToZero, percent: 100}")
                .replace(r#"endpoints: [{address: "10.0.0.1:80"}], "#, ""),
        )
        .unwrap(),
    );
    let facts =
        |prompt_tokens| Facts { prompt_tokens, classes: &[], adapter: None, unpaid: &[], session: None };
    let first = |prompt_tokens, draw| {
        let plan = plan(&policy, &facts(prompt_tokens), draw, |_| Standing::Good).unwrap();
        (names(&policy, &plan).remove(0), plan.wanted)
    };
    assert_eq!(first(10, 0.0), ("claude".to_owned(), Some(0)), "it is demand for the fleet all the same");
    assert_eq!(first(10, 0.9), ("gpt".to_owned(), None), "meant for the other one");
    assert_eq!(
        first(2000, 0.0),
        ("gpt".to_owned(), Some(0)),
        "the window of the one that it would go to is too small"
    );
}

#[test]
fn where_the_other_target_is_not_well_the_route_is_as_it_was() {
    let policy = full(100);
    let rest = Standing::Resting { until: std::time::Instant::now(), ejected: true };
    let facts = Facts { prompt_tokens: 10, classes: &[], adapter: None, unpaid: &[], session: None };
    let plan = plan(&policy, &facts, 0.0, |b| if b == 2 { rest } else { Standing::Good }).unwrap();
    assert_eq!((names(&policy, &plan), plan.spills), (vec!["small".to_owned(), "gpt".to_owned()], false));
}

#[test]
fn over_many_requests_the_share_is_what_was_asked_with_and_without_sessions() {
    let policy = full(40);
    let (draws, dice) = (Draws::starting_at(3), Dice::starting_at(5));
    for by_session in [false, true] {
        let spilled = (0..10_000).filter(|_| {
            let session = by_session.then(|| dice.roll());
            decide(&policy, "phi-not", draws.next(), session).spills
        });
        assert_eq!(spilled.count(), 0, "a class that no rule names stays");
        let facts = |session| Facts { prompt_tokens: 10, classes: &[], adapter: None, unpaid: &[], session };
        let spilled = (0..10_000).filter(|_| {
            let session = by_session.then(|| dice.roll());
            plan(&policy, &facts(session), draws.next(), |_| Standing::Good).unwrap().spills
        });
        // 40 of the 80 of a hundred that are meant for the fleet: 3,200, for sessions with a deviation of 47.
        let spilled = spilled.count();
        assert!((2960..=3440).contains(&spilled), "{spilled}");
    }
}

#[test]
fn sessions_that_went_first_come_back_last() {
    let (few, many) = (full(20), full(60));
    for session in (0..2000).map(crate::route::mix) {
        let facts =
            Facts { prompt_tokens: 10, classes: &[], adapter: None, unpaid: &[], session: Some(session) };
        let spills = |policy: &Policy| plan(policy, &facts, 0.0, |_| Standing::Good).unwrap().spills;
        assert!(!spills(&few) || spills(&many));
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2000, ..ProptestConfig::default() })]

    #[test]
    fn a_plan_with_spilling_keeps_its_promises(
        source in spilling(), prompt_tokens in 0_u32..20_000, draw in 0.0_f64..1.0,
        session in proptest::option::of(any::<u64>()), standings in standings(),
        classes in proptest::sample::subsequence(&CLASSES[..], 0..=3),
    ) {
        let policy = compiled(source.clone());
        let classes: Vec<String> = classes.iter().map(|c| c.to_lowercase()).collect();
        let facts = Facts { prompt_tokens, classes: &classes, adapter: None, unpaid: &[], session };
        let Ok(plan) = plan(&policy, &facts, draw, |backend| standings[backend]) else {
            return Ok(());
        };
        let route = source_route(&source, plan.rule);
        let mut distinct = plan.targets.clone();
        distinct.sort_unstable();
        distinct.dedup();
        prop_assert_eq!(distinct.len(), plan.targets.len(), "a target twice");
        for target in &plan.targets {
            let backend = &policy.backends[*target];
            prop_assert!(!must_stay(&source, &classes) || backend.side == Side::InCluster);
            prop_assert!(!backend.endpoints.is_empty());
            prop_assert!(backend.context_window.is_none_or(|window| window >= prompt_tokens));
            let never = route.backends.iter().any(|b| b.name == backend.name && b.weight == 0);
            prop_assert!(!never, "{} has weight 0", backend.name);
            // Whatever is not in the route is where the backend that was drawn spills to.
            let listed = route.fallback.contains(&backend.name) || route.backends.iter().any(|b| b.name == backend.name);
            let spill = plan.wanted.and_then(|wanted| policy.backends[wanted].spill);
            prop_assert!(listed || spill.is_some_and(|spill| spill.to == *target));
        }
        let said = plan.reasons.iter().any(|reason| matches!(reason, Reason::Spilled { .. }));
        prop_assert_eq!(said, plan.spills);
        if plan.spills {
            let spill = plan.wanted.and_then(|wanted| policy.backends[wanted].spill);
            prop_assert_eq!(spill.map(|spill| spill.to), plan.targets.first().copied());
            prop_assert_eq!(standings[plan.targets[0]], Standing::Good);
        }
    }
}
