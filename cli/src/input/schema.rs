//! What the API server would refuse, told from the definition's own schema. Rules in CEL are left to the server.

use flotilla_operator::decide::nearest;
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use serde_json::{Map, Value};

/// More than this at once help nobody.
const MOST: usize = 8;

/// What is wrong with `value`, a sentence each.
pub(super) fn problems(schema: &JSONSchemaProps, value: &Value, path: &str) -> Vec<String> {
    let mut found = Vec::new();
    check(schema, value, path, &mut found);
    found.truncate(MOST);
    found
}

fn check(schema: &JSONSchemaProps, value: &Value, path: &str, found: &mut Vec<String>) {
    // The API server drops a null where a field is optional.
    if value.is_null() {
        return;
    }
    let kind = schema.type_.as_deref();
    match (kind, value) {
        (Some("object"), Value::Object(fields)) => object(schema, fields, path, found),
        (Some("array"), Value::Array(items)) => {
            if let Some(JSONSchemaPropsOrArray::Schema(item)) = &schema.items {
                for (index, value) in items.iter().enumerate() {
                    check(item, value, &format!("{path}[{index}]"), found);
                }
            }
        }
        (Some("string"), Value::String(text)) => names(schema, text, path, found),
        (Some("integer" | "number"), Value::Number(_)) => range(schema, value, path, found),
        (Some("boolean"), Value::Bool(_)) | (None, _) => {}
        (Some(kind), value) => {
            found.push(format!("{path} must be {}, not {value}", described(kind)));
        }
    }
}

fn object(schema: &JSONSchemaProps, fields: &Map<String, Value>, path: &str, found: &mut Vec<String>) {
    for required in schema.required.iter().flatten().filter(|name| !fields.contains_key(*name)) {
        found.push(format!("{path}.{required} is missing"));
    }
    for (name, value) in fields {
        let known = schema.properties.as_ref().and_then(|properties| properties.get(name));
        let of_any_name = match &schema.additional_properties {
            Some(JSONSchemaPropsOrBool::Schema(schema)) => Some(&**schema),
            Some(JSONSchemaPropsOrBool::Bool(true)) => continue,
            _ => None,
        };
        match known.or(of_any_name) {
            Some(schema) => check(schema, value, &format!("{path}.{name}"), found),
            None => found.push(unknown(schema, name, path)),
        }
    }
}

fn unknown(schema: &JSONSchemaProps, name: &str, path: &str) -> String {
    let keyed =
        schema.properties.iter().flatten().map(|(known, _)| (known.to_ascii_lowercase(), known.as_str()));
    match nearest(&name.to_ascii_lowercase(), keyed).first() {
        Some(near) => format!("{path}.{name} is no field; did you mean {near}?"),
        None => format!("{path}.{name} is no field"),
    }
}

fn names(schema: &JSONSchemaProps, text: &str, path: &str, found: &mut Vec<String>) {
    let valid: Vec<_> = schema.enum_.iter().flatten().filter_map(|value| value.0.as_str()).collect();
    if valid.is_empty() || valid.contains(&text) {
        return;
    }
    let keyed = valid.iter().map(|name| (name.to_ascii_lowercase(), *name));
    let near = nearest(&text.to_ascii_lowercase(), keyed).join(", ");
    found.push(format!("{path} {text:?} is unknown; the nearest are {near}"));
}

fn range(schema: &JSONSchemaProps, value: &Value, path: &str, found: &mut Vec<String>) {
    let number = value.as_f64().unwrap_or(f64::NAN);
    let whole = value.is_i64() || value.is_u64() || schema.type_.as_deref() != Some("integer");
    let (least, most) = (schema.minimum.unwrap_or(f64::MIN), schema.maximum.unwrap_or(f64::MAX));
    if !whole || !(least..=most).contains(&number) {
        let bounds = match (schema.minimum, schema.maximum) {
            (Some(least), Some(most)) => format!(" from {least} to {most}"),
            (Some(least), None) => format!(" of at least {least}"),
            (None, Some(most)) => format!(" of at most {most}"),
            (None, None) => String::new(),
        };
        found.push(format!("{path} is {value}; it must be a whole number{bounds}"));
    }
}

fn described(kind: &str) -> &'static str {
    match kind {
        "object" => "a map",
        "array" => "a list",
        "string" => "a string",
        "boolean" => "true or false",
        _ => "a number",
    }
}
