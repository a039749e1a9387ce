//! The ResourceClaimTemplate: what a replica asks of a DRA driver.

use super::{child_labels, child_meta, template};
use crate::decide::placement::{Ask, DRIVER, GPU_TYPE, Mode, card_classes, share_request_mib, too_small};
use crate::kube_ext::mib;
use crate::model_deployment::validate::Valid;
use k8s_openapi::api::core::v1::PodResourceClaim;
use k8s_openapi::api::resource::v1::{
    CELDeviceSelector, CapacityRequirements, DeviceClaim, DeviceRequest, DeviceSelector, DeviceSubRequest,
    ResourceClaimSpec, ResourceClaimTemplate, ResourceClaimTemplateSpec,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
use std::collections::BTreeMap;

/// The claim in the pod, and the request in the claim.
pub(super) const CLAIM: &str = "gpu";
/// Alternatives that a request may have (`FirstAvailableDeviceRequestMaxSize` of resource.k8s.io/v1).
const ALTERNATIVES: usize = 8;

/// The template for the pods of a mode; none where they need no claim.
///
/// The name has the hash of what it is made from: the spec of a template cannot change, so another one gets another
/// name. As with pod templates, one that is there stays as it is, whatever this version would render.
pub(super) fn claim_template(
    valid: &Valid<'_>,
    mode: &Mode,
    shared_devices: bool,
) -> Option<ResourceClaimTemplate> {
    if *mode != Mode::Dra {
        return None;
    }
    let labels = Some(child_labels(valid.name));
    let devices =
        DeviceClaim { requests: Some(vec![request(&valid.ask(), shared_devices)]), ..DeviceClaim::default() };
    Some(ResourceClaimTemplate {
        metadata: ObjectMeta { name: Some(name(valid)), ..child_meta(valid) },
        spec: ResourceClaimTemplateSpec {
            metadata: Some(ObjectMeta { labels, ..ObjectMeta::default() }),
            spec: ResourceClaimSpec { devices: Some(devices) },
        },
    })
}

/// The claim as the pods name it.
pub(super) fn pod_claim(valid: &Valid<'_>) -> PodResourceClaim {
    PodResourceClaim {
        name: CLAIM.to_owned(),
        resource_claim_template_name: Some(name(valid)),
        ..PodResourceClaim::default()
    }
}

fn name(valid: &Valid<'_>) -> String {
    format!("{}-{}", valid.name, template::digest(valid, &Mode::Dra))
}

/// Cards of the tightest class first, then those of the next, at last any that is large enough. The classes follow
/// from the need alone: devices that come and go must not change the template.
fn request(ask: &Ask<'_>, shared_devices: bool) -> DeviceRequest {
    let classes = card_classes(ask.required_mib, ALTERNATIVES - 1).into_iter().map(Some).chain([None]);
    let alternative = |(index, below_mib)| DeviceSubRequest {
        name: format!("class-{index}"),
        device_class_name: DRIVER.to_owned(),
        allocation_mode: Some("ExactCount".to_owned()),
        count: Some(ask.gpus.into()),
        selectors: Some(vec![DeviceSelector {
            cel: Some(CELDeviceSelector { expression: expression(ask, below_mib, shared_devices) }),
        }]),
        capacity: ask.shared.then(|| CapacityRequirements {
            requests: Some(BTreeMap::from([("memory".to_owned(), mib(share_request_mib(ask.required_mib)))])),
        }),
        ..DeviceSubRequest::default()
    };
    DeviceRequest {
        name: CLAIM.to_owned(),
        first_available: Some(classes.enumerate().map(alternative).collect()),
        ..DeviceRequest::default()
    }
}

/// Which devices do. An attribute or capacity that a device lacks is asked for first: reading it would end the
/// scheduler's search with an error.
fn expression(ask: &Ask<'_>, below_mib: Option<u64>, shared_devices: bool) -> String {
    let attributes = format!("device.attributes['{DRIVER}']");
    let memory = format!("device.capacity['{DRIVER}'].memory");
    let compared = |mib: u64, operator: &str| format!("{memory}.compareTo(quantity('{mib}Mi')) {operator} 0");
    let product = format!("{attributes}.productName.replace(' ', '-')");
    let mut terms = vec![
        format!("'type' in {attributes} && {attributes}.type == '{GPU_TYPE}'"),
        format!("'memory' in device.capacity['{DRIVER}']"),
        compared(ask.required_mib, ">="),
    ];
    terms.extend(below_mib.map(|below| compared(below, "<")));
    // Cards of which the driver keeps so much that the capacity is large enough and the rest is not.
    let out = too_small(ask.required_mib);
    terms.extend(out.memory_mib.iter().map(|small| compared(*small, "!=")));
    if !out.products.is_empty() {
        terms.push(format!("!('productName' in {attributes} && {product} in [{}])", quoted(&out.products)));
    }
    if !ask.products.is_empty() {
        terms.push(format!("'productName' in {attributes} && {product} in [{}]", quoted(ask.products)));
    }
    // An API server that shares no devices knows no such field, and would refuse the expression.
    match (ask.shared, shared_devices) {
        (true, _) => terms.push("device.allowMultipleAllocations".to_owned()),
        (false, true) => terms.push("!device.allowMultipleAllocations".to_owned()),
        (false, false) => {}
    }
    terms.join(" && ")
}

/// Names consist of letters, digits, dots, dashes and underscores.
fn quoted(names: &[String]) -> String {
    names.iter().map(|name| format!("'{name}'")).collect::<Vec<_>>().join(", ")
}
