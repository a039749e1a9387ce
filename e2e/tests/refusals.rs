//! What the API server refuses at apply time, with a sentence that says what to change; and, beside each refused
//! object, one that is just inside the rule. Needs the definitions only, no operator.

#![allow(
    clippy::unwrap_used,
    clippy::needless_pass_by_value,
    clippy::too_many_lines,
    reason = "a failed unwrap in a test is a failed test; tables are long, and their patches are built in place"
)]

#[path = "refusals/model_deployment.rs"]
mod model_deployment;
#[path = "refusals/model_source.rs"]
mod model_source;
#[path = "refusals/placement.rs"]
mod placement;
#[path = "refusals/routing_policy.rs"]
mod routing_policy;
#[path = "refusals/scaling.rs"]
mod scaling;

use flotilla_e2e::command::{output, output_with_input};
use flotilla_e2e::harness::{Cluster, Result, case, documents, install_definitions};
use serde_json::{Value, json};

/// One object: a base with a merge patch, and what the API server is to say of it.
struct Row {
    /// What the object tries.
    name: &'static str,
    /// Which valid object it starts from.
    base: &'static str,
    /// JSON merge patch on the base.
    patch: Value,
    /// A piece of the sentence that refuses it; `None` if it is taken.
    refused: Option<&'static str>,
}

fn taken(base: &'static str, name: &'static str, patch: Value) -> Row {
    Row { name, base, patch, refused: None }
}

fn refused(base: &'static str, name: &'static str, patch: Value, says: &'static str) -> Row {
    Row { name, base, patch, refused: Some(says) }
}

fn merge(target: &mut Value, patch: &Value) {
    let (Value::Object(into), Value::Object(from)) = (&mut *target, patch) else {
        *target = patch.clone();
        return;
    };
    for (key, value) in from {
        if value.is_null() {
            into.remove(key);
        } else {
            merge(into.entry(key).or_insert(Value::Null), value);
        }
    }
}

async fn check(test: &str, rows: Vec<Row>) {
    assert!(rows.iter().filter(|row| row.refused.is_some()).count() >= 20);
    case(test, async |cluster, namespace| {
        install_definitions(&cluster)?;
        let mut wrong = Vec::new();
        for row in &rows {
            let mut object = serde_json::to_value(&documents(row.base)?[0]).unwrap();
            merge(&mut object, &row.patch);
            let answer = namespace.would_take(&serde_json::from_value(object).unwrap()).await?;
            match (&answer, row.refused) {
                (Ok(()), None) => {}
                (Err(sentence), Some(piece)) if sentence.contains(piece) => {}
                (_, expected) => wrong.push(format!("{}: expected {expected:?}, got {answer:?}", row.name)),
            }
        }
        assert!(wrong.is_empty(), "{} of {} rows:\n{}", wrong.len(), rows.len(), wrong.join("\n"));
        Ok(())
    })
    .await;
}

#[tokio::test]
async fn model_deployments() {
    let rows = [model_deployment::rows(), model_source::rows(), placement::rows(), scaling::rows()]
        .into_iter()
        .flatten()
        .collect();
    check("refused_model_deployments", rows).await;
}

#[tokio::test]
async fn routing_policies() {
    check("refused_routing_policies", routing_policy::rows()).await;
}

/// As a user who misspells a field sees it: kubectl asks for strict validation.
#[tokio::test]
async fn a_misspelt_field_is_named_by_kubectl() {
    case("misspelt_field", async |cluster, namespace| {
        install_definitions(&cluster)?;
        let mut object = serde_json::to_value(&documents(model_deployment::LLAMA)?[0]).unwrap();
        merge(&mut object, &json!({"spec": {"replica": 3}}));
        let mut kubectl = cluster.kubectl(["apply", "-n", &namespace.name, "-f", "-"])?;
        let error = output_with_input(&mut kubectl, &object.to_string()).unwrap_err().to_string();
        assert!(error.contains(r#"unknown field "spec.replica""#), "{error}");
        Ok(())
    })
    .await;
}

/// The definitions under another group, so that they are created anew: rules too costly are refused at creation.
#[tokio::test]
async fn the_definitions_install_both_ways() {
    case("definitions", async |cluster, namespace| {
        for (flags, way) in [(&[][..], "client"), (&["--server-side"][..], "server")] {
            let group = format!("{way}.{}.example", namespace.name);
            let copies: Vec<String> = flotilla_crds::manifests::manifests()
                .into_iter()
                .map(|(_, crd)| copy(serde_json::to_value(&crd).unwrap(), &group).to_string())
                .collect();
            let list = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{}]}}"#, copies.join(","));
            let outcome = install_twice(&cluster, flags, &list);
            // A definition that goes right after it came may keep its finalizer for minutes: not waited for.
            let delete = ["delete", "--ignore-not-found", "--wait=false", "-f", "-"];
            output_with_input(&mut cluster.kubectl(delete)?, &list)?;
            outcome?;
        }
        Ok(())
    })
    .await;
}

/// The definition of another kind in another group, so that nobody who asks for the true one meets it.
fn copy(mut crd: Value, group: &str) -> Value {
    let kind = crd["spec"]["names"]["kind"].as_str().unwrap().to_owned();
    let plural = format!("copied{}", crd["spec"]["names"]["plural"].as_str().unwrap());
    crd["metadata"]["name"] = json!(format!("{plural}.{group}"));
    crd["spec"]["group"] = json!(group);
    crd["spec"]["names"] = json!({"kind": format!("Copied{kind}"), "plural": plural});
    crd
}

fn install_twice(cluster: &Cluster, flags: &[&str], list: &str) -> Result<()> {
    let arguments = [&["apply"], flags, &["-f", "-"]].concat();
    for _ in 0..2 {
        let said = output_with_input(&mut cluster.kubectl(arguments.iter().copied())?, list)?;
        assert_eq!(said.lines().count(), 2, "{said}");
    }
    let wait = ["wait", "--for=condition=Established", "--timeout=30s", "-f", "-"];
    output_with_input(&mut cluster.kubectl(wait)?, list)?;
    Ok(())
}

#[tokio::test]
async fn short_names_and_the_category_list_both_kinds() {
    case("short_names", async |cluster, namespace| {
        install_definitions(&cluster)?;
        namespace.apply(model_deployment::CUSTOM).await?;
        namespace.apply(routing_policy::POLICY).await?;
        for (name, expected) in
            [("mdep", "tiny"), ("rpol", "split"), ("flotilla", "tiny"), ("flotilla", "split")]
        {
            let said = output(&mut cluster.kubectl(["get", name, "-n", &namespace.name])?)?;
            assert!(said.contains(expected), "kubectl get {name}:\n{said}");
        }
        Ok(())
    })
    .await;
}
