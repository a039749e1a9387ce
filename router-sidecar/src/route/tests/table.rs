//! One policy, many requests.

use super::compiled;
use crate::route::{Facts, Plan, Reason, Refusal, RefusalKind, Standing, plan};
use crate::snapshot::Policy;
use std::sync::Arc;

const POLICY: &str = r#"
name: team/assistant
models: [assistant]
backends:
- {name: small, fleet: {model: s, contextWindow: 8192, endpoints: [{address: "10.0.0.1:80"}]}}
- {name: asleep, fleet: {model: z}}
- {name: gpt, external: {baseUrl: "https://api.example/v1", model: gpt-4o, contextWindow: 128000}}
- {name: claude, external: {baseUrl: "https://api.example/v1", model: c, contextWindow: 200000}}
rules:
- name: phi
  match: {dataClasses: [PHI]}
  route: {backends: [{name: small}]}
  boundary: InCluster
- {name: long, match: {promptTokens: {moreThan: 6000}}, route: {backends: [{name: gpt}], fallback: [claude]}}
- {name: legal, match: {dataClasses: [Legal]}, route: {backends: [{name: asleep, weight: 1}], fallback: [small]}}
- {name: batch, match: {dataClasses: [batch]}, route: {backends: [{name: asleep}]}}
default: {backends: [{name: small, weight: 95}, {name: gpt, weight: 5}, {name: claude, weight: 0}], fallback: [gpt, claude, small]}
"#;

fn policy(edit: impl Fn(&str) -> String) -> Arc<Policy> {
    compiled(serde_saphyr::from_str(&edit(POLICY)).unwrap())
}

fn decide(policy: &Policy, prompt_tokens: u32, classes: &[&str], draw: f64) -> Result<Plan, Refusal> {
    let classes: Vec<String> = classes.iter().map(ToString::to_string).collect();
    plan(
        policy,
        &Facts { prompt_tokens, classes: &classes, adapter: None, session: None, unpaid: &[] },
        draw,
        |_| Standing::Good,
    )
}

/// The rule and the targets, by name.
fn route(policy: &Policy, prompt_tokens: u32, classes: &[&str], draw: f64) -> (String, Vec<String>) {
    let plan = decide(policy, prompt_tokens, classes, draw).unwrap();
    let rule = plan.rule.map_or("default", |index| &policy.rules[index].name);
    let names = plan.targets.iter().map(|t| policy.backends[*t].name.clone());
    (rule.to_owned(), names.collect())
}

#[test]
fn the_first_matching_rule_gives_the_route() {
    let policy = policy(str::to_owned);
    for (tokens, classes, draw, rule, targets) in [
        (10, &[][..], 0.0, "default", &["small", "gpt"][..]),
        (10, &[], 0.949, "default", &["small", "gpt"]),
        (10, &[], 0.951, "default", &["gpt", "small"]),
        (10, &["phi"], 0.99, "phi", &["small"]),
        (6000, &[], 0.0, "default", &["small", "gpt"]),
        (6001, &[], 0.0, "long", &["gpt", "claude"]),
        // The class binds although another rule would match first by length.
        (7000, &["phi"], 0.0, "phi", &["small"]),
        // No endpoint: its share and its place go to the next.
        (10, &["legal"], 0.0, "legal", &["small"]),
        // A window that is too small is skipped.
        (150_000, &[], 0.0, "long", &["claude"]),
    ] {
        let (got_rule, got) = route(&policy, tokens, classes, draw);
        assert_eq!(
            (got_rule.as_str(), got.as_slice()),
            (rule, &targets.iter().map(ToString::to_string).collect::<Vec<_>>()[..]),
            "{tokens} {classes:?} {draw}"
        );
    }
}

#[test]
fn a_session_stays_at_its_target_whatever_the_order_of_the_config() {
    let with = |backends: &[&str]| {
        let each = |form: &dyn Fn(&str) -> String| {
            backends.iter().map(|name| form(name)).collect::<Vec<_>>().join(", ")
        };
        let external = each(&|name| {
            format!("{{name: {name}, external: {{baseUrl: 'https://api.example/v1', model: m}}}}")
        });
        let weighted = each(&|name| format!("{{name: {name}, weight: 50}}"));
        let text =
            format!("name: p\nmodels: [m]\nbackends: [{external}]\ndefault: {{backends: [{weighted}]}}");
        compiled(serde_saphyr::from_str(&text).unwrap())
    };
    let home = |policy: &Policy, session| {
        let facts =
            Facts { prompt_tokens: 1, classes: &[], adapter: None, session: Some(session), unpaid: &[] };
        let first = plan(policy, &facts, 0.5, |_| Standing::Good).unwrap().targets[0];
        policy.backends[first].name.clone()
    };
    let before = with(&["a", "b", "c"]);
    let (reordered, longer) = (with(&["c", "a", "b"]), with(&["new", "a", "b", "c"]));
    for session in (0..1000).map(crate::route::mix) {
        assert_eq!(home(&before, session), home(&reordered, session));
        // One that is new takes its share of the sessions, and moves no others.
        let now = home(&longer, session);
        assert!(now == "new" || now == home(&before, session));
    }
}

#[test]
fn an_adapter_is_where_it_is_loaded_or_nowhere() {
    let legal = "contextWindow: 8192, adapters: [{name: legal, choice: {lora: 0}}]";
    let policy = policy(|text| text.replace("contextWindow: 8192", legal));
    let decide = |prompt_tokens, classes: &[String], adapter| {
        let facts = Facts { prompt_tokens, classes, adapter: Some(adapter), session: None, unpaid: &[] };
        plan(&policy, &facts, 0.99, |_| Standing::Good)
    };
    let found = decide(10, &[], "legal").unwrap();
    assert_eq!((found.rule, found.targets), (None, vec![0]), "the draw is for another");
    assert!(found.reasons.contains(&Reason::NoAdapter(2)));
    // The route of long prompts has it nowhere: the default route has it, and too small a window.
    let refused = decide(9000, &[], "legal").unwrap_err();
    assert!(refused.reasons.contains(&Reason::RuleClosed(1)));
    assert_eq!(refused.kind, RefusalKind::TooLong { largest: 8192, prompt_tokens: 9000 });
    assert_eq!(decide(10, &[], "poet").unwrap_err().kind, RefusalKind::NoAdapter);
    // A target would be allowed by its place: what it lacks is the adapter.
    assert_eq!(decide(10, &["phi".to_owned()], "poet").unwrap_err().kind, RefusalKind::NoAdapter);
}

#[test]
fn a_class_that_no_rule_names_stays_in_the_cluster_unless_the_policy_fails_open() {
    let closed = policy(str::to_owned);
    assert_eq!(route(&closed, 10, &["secret"], 0.99), ("default".into(), vec!["small".into()]));
    // A rule that matches but leads out is passed over.
    let plan = decide(&closed, 7000, &["secret"], 0.5).unwrap();
    assert_eq!(plan.rule, None);
    assert!(plan.reasons.contains(&Reason::RuleClosed(1)));
    let open = policy(|text| format!("{text}\nsensitivity: {{failClosed: false}}\n"));
    assert_eq!(route(&open, 10, &["secret"], 0.99).1, ["gpt", "small"]);
    // Open or not, a bound class is bound.
    assert_eq!(route(&open, 10, &["secret", "phi"], 0.99).1, ["small"]);
}

#[test]
fn what_has_no_target_says_why() {
    let asleep = policy(|text| text.replace("endpoints: [{address: \"10.0.0.1:80\"}]", "endpoints: []"));
    let outside = policy(|text| {
        text.replace("{name: small}", "{name: gpt}").replace(
        "default: {backends: [{name: small, weight: 95}, {name: gpt, weight: 5}, {name: claude, weight: 0}], fallback: [gpt, claude, small]}",
        "default: {backends: [{name: gpt}]}",
    )
    });
    for (policy, tokens, classes, kind) in [
        (&asleep, 10, "phi", RefusalKind::NotReady { in_cluster_only: true }),
        (&asleep, 10, "batch", RefusalKind::NotReady { in_cluster_only: false }),
        (&outside, 10, "phi", RefusalKind::DataBoundary),
        (&policy(str::to_owned), 9000, "phi", RefusalKind::TooLong { largest: 8192, prompt_tokens: 9000 }),
    ] {
        assert_eq!(decide(policy, tokens, &[classes], 0.5).unwrap_err().kind, kind);
    }
}

#[test]
fn a_rule_without_classes_keeps_what_it_matches_in_the_cluster_for_all_that_follows() {
    let policy = policy(|text| {
        text.replace(
        "rules:\n",
        "rules:\n- {name: short, match: {promptTokens: {atMost: 5}}, route: {backends: [{name: gpt}]}, boundary: InCluster}\n",
    )
    });
    assert_eq!(route(&policy, 5, &[], 0.99), ("default".into(), vec!["small".into()]));
    assert_eq!(route(&policy, 6, &[], 0.99).1[0], "gpt");
}

#[test]
fn a_backend_marked_unavailable_is_passed_over_and_what_is_wrong_in_it_does_not_matter() {
    let policy = policy(|text| {
        text.replace("{name: small, fleet", "{name: small, unavailable: no such ModelDeployment, fleet")
            .replace("10.0.0.1:80", "nowhere")
    });
    let plan = decide(&policy, 10, &[], 0.0).unwrap();
    assert_eq!(plan.targets, [2]);
    let words: Vec<_> = plan.reasons.iter().map(|r| r.describe(&policy).to_string()).collect();
    assert!(words.contains(&"small is unavailable: no such ModelDeployment".to_owned()), "{words:?}");
}

#[test]
fn reasons_read_as_sentences() {
    let policy = policy(str::to_owned);
    let plan = decide(&policy, 7000, &["secret"], 0.5).unwrap();
    let words: Vec<_> = plan.reasons.iter().map(|r| r.describe(&policy).to_string()).collect();
    insta::assert_snapshot!(words.join("\n"), @"
    data class secret is named by no rule and stays in the cluster
    rule long matched but has no target for this request
    default route
    gpt is outside the cluster
    small drawn with weight 95 of 95
    ");
}
