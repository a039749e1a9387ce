//! `cost`: statuses from a file, or a cluster that does not answer.

use super::{flotilla, with_stdin};
use serde_json::json;

fn objects() -> String {
    let object = |name: &str, scaling: bool, status: serde_json::Value| {
        let scaling = scaling.then(|| json!({"maxReplicas": 3}));
        json!({
            "apiVersion": "flotilla.dev/v1alpha1", "kind": "ModelDeployment",
            "metadata": {"name": name, "namespace": "apps"},
            "spec": {"model": {"source": "oci://r.example/m:1"}, "scaling": scaling}, "status": status,
        })
    };
    let economics = |hourly: &str, saved: &str| {
        json!({
            "readyReplicas": 2,
            "scaling": {"economics": {
                "hourlyCost": hourly, "priceSource": "node label", "costPerMillionTokens": "0.1667",
                "comparedWith": "apps/assistant/gpt-4o", "externalCostPerMillionTokens": "4.375",
                "tokensPerDay": 115_200_000, "breakEvenTokensPerDay": 4_388_572,
                "saved": saved, "savedSince": "2026-11-01T08:00:00Z",
            }},
        })
    };
    let items = [
        object("small", true, economics("0.80", "1203.418")),
        object("idle", true, economics("0.40", "-3.2")),
        object("fixed", false, json!({"readyReplicas": 1})),
        object("lost", true, economics("", "7")),
        object("new", true, json!({"readyReplicas": 1, "scaling": {}})),
    ];
    json!({"apiVersion": "v1", "kind": "List", "items": items}).to_string()
}

#[test]
fn costs_are_told_to_people() {
    let ended = with_stdin("cost -f -", &objects());
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    insta::assert_snapshot!(ended.stdout);
}

#[test]
fn costs_are_told_to_programs_as_the_status_has_them() {
    let json = with_stdin("cost -f - -o json", &objects()).json();
    let named =
        |name: &str| json.as_array().unwrap().iter().find(|cost| cost["name"] == name).unwrap().clone();
    assert_eq!(named("small")["economics"]["saved"], "1203.418");
    assert_eq!(named("small")["readyReplicas"], 2);
    assert!(named("fixed")["unknown"].as_str().unwrap().contains("spec.scaling"));
    assert!(named("new")["unknown"].as_str().unwrap().contains("gpuHourlyPrice"));
}

#[test]
fn where_there_is_no_cluster_it_says_so() {
    flotilla("cost --context nowhere-to-be-found").refused(&["the cluster cannot be asked"]);
    flotilla("cost -f - -A").refused(&["cannot be used with"]);
    with_stdin("cost -f -", "").refused(&["standard input has no ModelDeployment"]);
}
