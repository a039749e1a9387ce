//! The committed manifests are what the types say. `FLOTILLA_UPDATE=1 cargo test -p flotilla-crds` writes them anew.

#![allow(clippy::unwrap_used, reason = "a failed unwrap is a failed test")]

use k8s_openapi::apiextensions_apiserver::pkg::apis::apiextensions::v1::CustomResourceDefinition;
use std::path::Path;

/// Server-side and client-side apply both take manifests of this size with room to spare.
const LARGEST_MANIFEST: usize = 200 * 1024;

fn check(file: &str, crd: &CustomResourceDefinition) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../charts/flotilla/crds").join(file);
    let yaml = serde_saphyr::to_string(crd).unwrap();
    let rendered =
        format!("# Generated from crds/src. FLOTILLA_UPDATE=1 cargo test -p flotilla-crds\n{yaml}");
    assert!(rendered.len() < LARGEST_MANIFEST, "{file} has {} bytes", rendered.len());
    if std::env::var_os("FLOTILLA_UPDATE").is_some() {
        std::fs::write(&path, &rendered).unwrap();
    }
    let committed = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(
        committed == rendered,
        "{file} is stale: run FLOTILLA_UPDATE=1 cargo test -p flotilla-crds and commit"
    );
}

#[test]
fn committed_manifests_are_fresh() {
    for (file, crd) in flotilla_crds::manifests::manifests() {
        check(file, &crd);
    }
}
