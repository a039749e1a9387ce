//! docs/api.md is what the schemas say. `FLOTILLA_UPDATE=1 cargo test -p flotilla-crds` writes it anew.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use schemars::generate::{SchemaGenerator, SchemaSettings};
use serde_json::Value;
use std::fmt::Write as _;
use std::path::Path;

/// One row a field, depth first; lists add `[]` to the path.
fn rows(schema: &JSONSchemaProps, path: &str, out: &mut String) {
    for (name, field) in schema.properties.iter().flatten() {
        let required = schema.required.iter().flatten().any(|required| required == name);
        let path = if path.is_empty() { name.clone() } else { format!("{path}.{name}") };
        let (inner, suffix) = inner(field);
        let mut text = field.description.as_deref().unwrap_or_default().replace('\n', " ");
        text.push_str(&default(field, &text));
        let _ = writeln!(
            out,
            "| `{path}{suffix}` | {} | {} | {text} |",
            kind(inner, suffix),
            if required { "yes" } else { "" }
        );
        // Conditions are the same in every Kubernetes object.
        if name != "conditions" {
            rows(inner, &format!("{path}{suffix}"), out);
        }
    }
}

/// Names a default that the text does not; of a status it says nothing.
fn default(field: &JSONSchemaProps, text: &str) -> String {
    let plain = match field.default.as_ref().map(|default| &default.0) {
        Some(Value::String(value)) if !value.is_empty() => value.clone(),
        Some(Value::Number(value)) if *value != 0.into() => value.to_string(),
        _ => return String::new(),
    };
    if text.contains("Default") { String::new() } else { format!(" Default {plain}.") }
}

fn inner(field: &JSONSchemaProps) -> (&JSONSchemaProps, &'static str) {
    match (&field.items, &field.additional_properties) {
        (Some(JSONSchemaPropsOrArray::Schema(items)), _) => (items, "[]"),
        (_, Some(JSONSchemaPropsOrBool::Schema(values))) => (values, "{}"),
        _ => (field, ""),
    }
}

fn kind(schema: &JSONSchemaProps, suffix: &str) -> String {
    let one = match (&schema.enum_, schema.x_kubernetes_int_or_string) {
        (Some(values), _) => values.iter().filter_map(|v| v.0.as_str()).collect::<Vec<_>>().join(", "),
        (None, Some(true)) => "quantity".to_owned(),
        _ => schema.type_.clone().unwrap_or_default(),
    };
    match suffix {
        "[]" => format!("list of {one}"),
        "{}" => format!("map of {one}"),
        _ => one,
    }
}

fn rules(schema: &JSONSchemaProps, out: &mut String) {
    for rule in schema.x_kubernetes_validations.iter().flatten() {
        let _ = writeln!(out, "- {}", rule.message.as_deref().unwrap_or(&rule.rule));
    }
    for field in schema.properties.iter().flat_map(|p| p.values()) {
        rules(inner(field).0, out);
        if !std::ptr::eq(inner(field).0, field) {
            for rule in field.x_kubernetes_validations.iter().flatten() {
                let _ = writeln!(out, "- {}", rule.message.as_deref().unwrap_or(&rule.rule));
            }
        }
    }
}

#[test]
fn the_api_reference_is_fresh() {
    let mut page = String::from(
        "# API reference\nGenerated from crds/src: `FLOTILLA_UPDATE=1 cargo test -p flotilla-crds`.\n",
    );
    for (_, crd) in flotilla_crds::manifests::manifests() {
        let schema = crd.spec.versions[0].schema.clone().unwrap().open_api_v3_schema.unwrap();
        let _ = writeln!(
            page,
            "\n## {}\n`{}/{}`. {}\n\n| field | type | required | meaning |\n|---|---|---|---|",
            crd.spec.names.kind,
            crd.spec.group,
            crd.spec.versions[0].name,
            schema.description.as_deref().unwrap_or_default(),
        );
        rows(&schema, "", &mut page);
        page.push_str("\nThe API server refuses an object, with these words, when it breaks a rule:\n\n");
        rules(&schema, &mut page);
    }
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/api.md");
    if std::env::var_os("FLOTILLA_UPDATE").is_some() {
        std::fs::write(&path, &page).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == page,
        "docs/api.md is stale: run FLOTILLA_UPDATE=1 cargo test -p flotilla-crds and commit"
    );
}

/// Compares the texts of fields with those in the source, where an optional field is one of its type or null.
fn compare(source: &Value, installed: &JSONSchemaProps, path: &str) {
    let of_type = |schema: &Value| schema.get("anyOf").map_or_else(|| schema.clone(), |one| one[0].clone());
    for (name, field) in of_type(source)["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        let there = &installed.properties.as_ref().unwrap()[name];
        if let Some(text) = field.get("description") {
            assert_eq!(there.description.as_deref(), text.as_str(), "{path}");
        }
        let items = of_type(field).get("items").cloned();
        compare(&items.unwrap_or_else(|| field.clone()), inner(there).0, &path);
    }
}

#[test]
fn fields_keep_their_texts() {
    let generator =
        || SchemaSettings::openapi3().with(|settings| settings.inline_subschemas = true).into_generator();
    let sources = [
        SchemaGenerator::into_root_schema_for::<flotilla_crds::ModelDeploymentSpec>(generator()),
        SchemaGenerator::into_root_schema_for::<flotilla_crds::RoutingPolicySpec>(generator()),
    ];
    for (source, (_, crd)) in sources.iter().zip(flotilla_crds::manifests::manifests()) {
        let installed = crd.spec.versions[0].schema.clone().unwrap().open_api_v3_schema.unwrap();
        compare(source.as_value(), &installed.properties.unwrap()["spec"], "spec");
    }
}
