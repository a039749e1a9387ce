//! Keeps pods running when the operator is upgraded: a template is only replaced when what it is made from changed.

use crate::decide::placement::Mode;
use crate::model_deployment::validate::Valid;
use flotilla_crds::labels;
use k8s_openapi::api::apps::v1::Deployment;
use serde_json::json;
use sha2::{Digest, Sha256};
use std::collections::BTreeMap;

/// Raise it to have every GPU pod restarted with what this version renders, and say so in the release notes.
const HASH_VERSION: u32 = 1;

/// Annotations share 256 KiB; a template larger than this is not written down, and edits to it are not undone.
const LARGEST_RECORD: usize = 64 * 1024;

/// The annotation that says what a Deployment's template was made from.
pub(super) fn annotations(valid: &Valid<'_>, mode: &Mode) -> BTreeMap<String, String> {
    let hash = format!("v{HASH_VERSION}-{}", digest(valid, mode));
    BTreeMap::from([(labels::TEMPLATE_HASH.to_owned(), hash)])
}

/// A fingerprint of what a template is made from, in 16 digits.
pub(super) fn digest(valid: &Valid<'_>, mode: &Mode) -> String {
    let spec = &valid.object.spec;
    let mut inputs = json!({
        "model": spec.model,
        "engine": spec.engine,
        "image": valid.image,
        "limits": format!("{:?}", valid.need.limits),
        "requiredMib": valid.need.required_mib,
        "placement": spec.placement,
        "drain": valid.drain.as_secs(),
    });
    // Labels were the only way once: fingerprints from then go on.
    if *mode != Mode::NodeLabels {
        inputs["mode"] = json!(mode.to_string());
    }
    let digest = Sha256::digest(inputs.to_string());
    let prefix = digest.iter().take(8).fold(0_u64, |prefix, byte| prefix << 8 | u64::from(*byte));
    format!("{prefix:016x}")
}

/// Goes on with the template that was last applied when it was made from the same inputs, whatever this version
/// would render, and writes down what is applied.
///
/// The live template would not do: somebody may have edited it.
pub fn settle_template(prepared: &mut Deployment, live: Option<&Deployment>) {
    let unchanged = live.filter(|live| {
        let hash = annotation(live, labels::TEMPLATE_HASH);
        hash.is_some() && hash == annotation(prepared, labels::TEMPLATE_HASH)
    });
    let kept = unchanged.and_then(|live| {
        let recorded = annotation(live, labels::TEMPLATE);
        recorded
            .and_then(|text| serde_json::from_str(text).ok())
            .or_else(|| Some(live.spec.as_ref()?.template.clone()))
    });
    let Some(spec) = &mut prepared.spec else {
        return;
    };
    if let Some(kept) = kept {
        spec.template = kept;
    }
    let record = serde_json::to_string(&spec.template).unwrap_or_default();
    if record.len() <= LARGEST_RECORD {
        let annotations = prepared.metadata.annotations.get_or_insert_default();
        annotations.insert(labels::TEMPLATE.to_owned(), record);
    }
}

fn annotation<'a>(deployment: &'a Deployment, key: &str) -> Option<&'a str> {
    deployment.metadata.annotations.as_ref()?.get(key).map(String::as_str)
}
