//! The CustomResourceDefinitions as they are installed.

use crate::{ModelDeployment, RoutingPolicy};
use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::{
    CustomResourceDefinition, JSONSchemaProps, JSONSchemaPropsOrArray, JSONSchemaPropsOrBool,
};
use kube::CustomResourceExt as _;

/// Every definition, with the name of its file in the chart.
pub fn manifests() -> Vec<(&'static str, CustomResourceDefinition)> {
    vec![
        ("modeldeployments.yaml", installed(ModelDeployment::crd())),
        ("routingpolicies.yaml", installed(RoutingPolicy::crd())),
    ]
}

/// Drops `nullable`, which the derive sets on every optional field, and the `null` that it adds to enums: without
/// them the API server drops a `null`, so that "not set" has one form and CEL's `has()` means what it says. kubectl's
/// own validation does not even take a definition with `null` in an enum.
fn installed(mut crd: CustomResourceDefinition) -> CustomResourceDefinition {
    for version in &mut crd.spec.versions {
        if let Some(schema) = version.schema.as_mut().and_then(|s| s.open_api_v3_schema.as_mut()) {
            tidy(schema);
        }
    }
    crd
}

fn tidy(schema: &mut JSONSchemaProps) {
    schema.nullable = None;
    schema.format.take_if(|format| format.starts_with("uint"));
    if let Some(values) = &mut schema.enum_ {
        values.retain(|value| !value.0.is_null());
    }
    schema.properties.iter_mut().flat_map(|p| p.values_mut()).for_each(tidy);
    match &mut schema.items {
        Some(JSONSchemaPropsOrArray::Schema(items)) => tidy(items),
        Some(JSONSchemaPropsOrArray::Schemas(items)) => items.iter_mut().for_each(tidy),
        None => {}
    }
    if let Some(JSONSchemaPropsOrBool::Schema(values)) = &mut schema.additional_properties {
        tidy(values);
    }
}
