//! `explain`: what a policy would do with a request.

use crate::{flotilla, with_stdin};

const POLICY: &str = "
apiVersion: flotilla.dev/v1alpha1
kind: RoutingPolicy
metadata: {name: split, namespace: apps}
spec:
  models: [assistant]
  backends:
  - {name: fleet, modelDeploymentRef: {name: llama}}
  - name: gpt-4o
    external: {provider: OpenAI, model: gpt-4o, credentialsRef: {name: keys}, pricing: {input: '2.50', output: '10.00'}}
  rules:
  - {name: phi, match: {dataClasses: [PHI]}, route: {backends: [{name: fleet}]}, boundary: InCluster}
  default: {backends: [{name: fleet, weight: 95}, {name: gpt-4o, weight: 5}], fallback: [gpt-4o]}
  sensitivity: {detectors: [SSN], onDetect: PHI}
  clientKeys: {}
  budgets: [{name: daily, per: Day, usd: '50'}]
  attach: {selector: {matchLabels: {app: chat}}}
";

#[test]
fn a_policy_in_a_file_says_where_a_request_would_go() {
    let ended = with_stdin("explain -f -", POLICY);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    for piece in ["policy apps/split, rule default", "95.0 %  fleet   gpt-4o", "outside", "client client"] {
        assert!(ended.stdout.contains(piece), "{piece:?} is not in\n{}", ended.stdout);
    }
    let told = with_stdin("explain -f - --prompt SSN:123-45-6789 -o json", POLICY).json();
    assert_eq!(told["rule"], "phi");
    assert_eq!(told["ways"], serde_json::json!([{"percent": 100.0, "targets": ["fleet"]}]));
    assert!(!told.to_string().contains("123-45"));
}

#[test]
fn what_cannot_be_explained_is_said() {
    with_stdin("explain -f - --model other", POLICY).refused(&["other", "does not exist"]);
    with_stdin("explain -f -", "apiVersion: v1\nkind: Secret\n").refused(&["has no RoutingPolicy"]);
    with_stdin("explain -f - -H nonsense", POLICY).refused(&["nonsense", "is no header"]);
    flotilla("explain").refused(&["--filename", "--config", "--router"]);
    // Nobody listens on port 1.
    flotilla("explain --router http://127.0.0.1:1 --model m").refused(&["the router at http://127.0.0.1:1"]);
}
