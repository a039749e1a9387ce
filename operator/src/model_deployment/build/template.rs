//! Keeps pods running when the operator is upgraded: a template is only replaced when what it is made from changed.

use crate::model_deployment::validate::Valid;
use flotilla_crds::labels;
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Raise it to have every GPU pod restarted with what this version renders, and say so in the release notes.
const HASH_VERSION: u32 = 1;

/// The annotation that says what a Deployment's template was made from.
pub(super) fn annotations(valid: &Valid<'_>) -> BTreeMap<String, String> {
    let spec = &valid.object.spec;
    let inputs = json!({
        "model": spec.model,
        "engine": spec.engine,
        "image": valid.image,
        "limits": format!("{:?}", valid.need.limits),
        "requiredMib": valid.need.required_mib,
        "placement": spec.placement,
        "drain": valid.drain.as_secs(),
    });
    let digest = Sha256::digest(inputs.to_string());
    let prefix = digest.iter().take(8).fold(0_u64, |prefix, byte| prefix << 8 | u64::from(*byte));
    BTreeMap::from([(labels::TEMPLATE_HASH.to_owned(), format!("v{HASH_VERSION}-{prefix:016x}"))])
}

/// Takes over the live template when it was made from the same inputs, whatever this version would render.
pub fn keep_template_if_unchanged(prepared: &mut Deployment, live: Option<&Deployment>) {
    let hash = |deployment: &Deployment| {
        deployment.metadata.annotations.as_ref().and_then(|a| a.get(labels::TEMPLATE_HASH)).cloned()
    };
    let Some(live) = live.filter(|live| hash(live).is_some() && hash(live) == hash(prepared)) else {
        return;
    };
    if let (Some(spec), Some(live)) = (&mut prepared.spec, &live.spec) {
        spec.template = live.template.clone();
    }
}
