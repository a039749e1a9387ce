//! Objects of one kind in YAML or JSON.

use super::file::shown;
use super::schema;
use crate::error::CliError;
use kube::{CustomResourceExt, Resource};
use serde::de::DeserializeOwned;
use serde_json::Value;

/// A kind of Flotilla's.
pub(super) trait Kind: CustomResourceExt + Resource<DynamicType = ()> + DeserializeOwned {}

impl<K: CustomResourceExt + Resource<DynamicType = ()> + DeserializeOwned> Kind for K {}

/// Documents of other kinds are skipped: a file often has them.
pub(super) fn objects<K: Kind>(file: &str, text: &str) -> Result<Vec<K>, CliError> {
    let file = shown(file);
    let options = serde_saphyr::options! { with_snippet: false };
    let documents: Vec<Value> = serde_saphyr::from_multiple_with_options(text, options)
        .map_err(|error| CliError::Manifest { name: file.clone(), reason: error.to_string() })?;
    let mut found = Vec::new();
    for document in documents {
        read(&file, document, &mut found)?;
    }
    if found.is_empty() {
        Err(CliError::Empty { name: file, kind: K::kind(&()).into_owned() })
    } else {
        Ok(found)
    }
}

fn read<K: Kind>(file: &str, document: Value, found: &mut Vec<K>) -> Result<(), CliError> {
    let field = |name: &str| document.get(name).and_then(Value::as_str).unwrap_or_default().to_owned();
    let (kind, version) = (field("kind"), field("apiVersion"));
    if kind == "List" {
        let items = document.get("items").and_then(Value::as_array).cloned().unwrap_or_default();
        return items.into_iter().try_for_each(|item| read(file, item, found));
    }
    if document.is_null() {
        return Ok(());
    }
    let failed = |reason: String| CliError::Manifest { name: file.to_owned(), reason };
    if kind.is_empty() {
        return Err(failed("a document has no kind; is it a Kubernetes object?".to_owned()));
    }
    if kind != K::kind(&()) {
        return Ok(());
    }
    let name = document.pointer("/metadata/name").and_then(Value::as_str).unwrap_or("(no name)").to_owned();
    let of_object = |reason: String| failed(format!("{kind} {name}: {reason}"));
    let supported = K::api_version(&());
    if version != supported {
        return Err(of_object(format!("apiVersion is {version:?}; use {supported}")));
    }
    check::<K>(&document).map_err(of_object)?;
    let object = serde_json::from_value(document).map_err(|error| of_object(error.to_string()))?;
    found.push(object);
    Ok(())
}

/// What the API server would refuse of the spec, all at once.
fn check<K: Kind>(document: &Value) -> Result<(), String> {
    let definition = K::crd();
    let version = definition.spec.versions.into_iter().next();
    let schema = version.and_then(|version| version.schema?.open_api_v3_schema);
    let spec = schema.and_then(|schema| schema.properties?.remove("spec"));
    let problems = match (spec, document.get("spec")) {
        (Some(schema), Some(spec)) => schema::problems(&schema, spec, "spec"),
        (_, None) => vec!["spec is missing".to_owned()],
        (None, Some(_)) => Vec::new(),
    };
    if problems.is_empty() { Ok(()) } else { Err(problems.join("; ")) }
}
