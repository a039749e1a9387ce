//! What is bound to the cluster never leaves it: over random policies, random requests and whatever fails.

use super::compiled;
use super::faults::{BACKENDS, standings};
use super::properties::{CLASSES, must_stay};
use super::spill::spilling;
use crate::budget::Exceeded;
use crate::route::{Facts, Onward, plan};
use crate::snapshot::{BackendIndex, Side};
use crate::upstream::Failure;
use flotilla_crds::router_config::OnExceeded;
use http::StatusCode;
use proptest::prelude::*;
use std::time::Duration;

/// Requests with their faults, for each policy.
const REQUESTS: usize = 50;
/// Times the above: 100,000 cases.
const POLICIES: u32 = 2000;

#[derive(Debug, Clone)]
struct Request {
    prompt_tokens: u32,
    classes: Vec<String>,
    session: Option<u64>,
    draw: f64,
    standings: Vec<crate::route::Standing>,
    /// What happens to each attempt.
    faults: Vec<Failure>,
    on_auth: bool,
    /// Backends that a budget cannot pay for.
    unpaid: Vec<(BackendIndex, usize)>,
}

fn failure() -> impl Strategy<Value = Failure> {
    prop_oneof![
        Just(Failure::Connect),
        Just(Failure::Broken),
        Just(Failure::Timeout),
        Just(Failure::Status(StatusCode::BAD_GATEWAY)),
        Just(Failure::RateLimited(Some(Duration::from_secs(1)))),
        Just(Failure::Auth(StatusCode::FORBIDDEN)),
        Just(Failure::ErrorEvent),
        Just(Failure::Full),
        Just(Failure::Garbled),
        Just(Failure::ContextOverflow(String::new())),
        Just(Failure::Unpaid(Exceeded::testing(OnExceeded::Reject))),
        Just(Failure::Unpaid(Exceeded::testing(OnExceeded::Fallback))),
        Just(Failure::Unpaid(Exceeded::testing(OnExceeded::FleetOnly))),
    ]
}

fn request() -> impl Strategy<Value = Request> {
    let classes = proptest::sample::subsequence(&CLASSES[..], 0..=3);
    (
        0_u32..20_000,
        classes,
        proptest::option::of(any::<u64>()),
        0.0_f64..1.0,
        standings(),
        proptest::collection::vec(failure(), BACKENDS),
        any::<bool>(),
        proptest::sample::subsequence((0..BACKENDS).collect::<Vec<_>>(), 0..=BACKENDS),
    )
        .prop_map(|(prompt_tokens, classes, session, draw, standings, faults, on_auth, unpaid)| {
            Request {
                unpaid: unpaid.into_iter().map(|backend| (backend, 0)).collect(),
                prompt_tokens,
                classes: classes.iter().map(|class| class.to_lowercase()).collect(),
                session,
                draw,
                standings,
                faults,
                on_auth,
            }
        })
}

proptest! {
    #![proptest_config(ProptestConfig { cases: POLICIES, ..ProptestConfig::default() })]

    #[test]
    fn a_bound_class_reaches_no_external_target_on_any_leg(
        source in spilling(), requests in proptest::collection::vec(request(), REQUESTS),
    ) {
        let policy = compiled(source.clone());
        for request in requests {
            let Request { prompt_tokens, classes, session, draw, standings, faults, on_auth, unpaid } = &request;
            let facts = Facts { prompt_tokens: *prompt_tokens, classes, adapter: None, session: *session, unpaid };
            let Ok(plan) = plan(&policy, &facts, *draw, |backend| standings[backend]) else {
                continue;
            };
            // All legs there are: each attempt after the failures so far, beside it a second one to what follows in the
            // plan, and the continuation, which goes to a target of the plan in the cluster.
            let window = |target: &BackendIndex| policy.backends[*target].context_window;
            let side = |target: &BackendIndex| policy.backends[*target].side;
            prop_assert!(!plan.targets.iter().any(|target| unpaid.contains(&(*target, 0))));
            let mut onward = Onward::default();
            let mut reached: Vec<BackendIndex> = Vec::new();
            for (target, fault) in plan.targets.iter().zip(faults) {
                if onward.allows(side(target), window(target)) {
                    reached.push(*target);
                    reached.extend(plan.targets.iter().skip_while(|t| *t != target).nth(1));
                    onward.after(fault, window(target), *on_auth);
                }
            }
            let stays = must_stay(&source, classes);
            let left = reached.iter().find(|target| policy.backends[**target].side == Side::External);
            prop_assert!(!stays || left.is_none(), "{:?} reached {:?} of {:?}", request, left, source);
        }
    }
}
