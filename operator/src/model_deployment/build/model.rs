//! How the model comes into a pod: the volume that has it, where engines see it, and who puts it there.

use crate::model_deployment::fetch::{Cache, FETCH_CONTAINER, Fetch};
use crate::model_deployment::validate::Valid;
use flotilla_crds::model_deployment::ModelSpec;
use flotilla_model_source::Source;
use k8s_openapi::api::core::v1::{
    Capabilities, Container, EmptyDirVolumeSource, EnvVar, EnvVarSource, HostPathVolumeSource,
    ImageVolumeSource, PersistentVolumeClaimVolumeSource, ResourceRequirements, SecretKeySelector,
    SecurityContext, Volume, VolumeMount,
};
use k8s_openapi::apimachinery::pkg::api::resource::Quantity;
use std::collections::BTreeMap;

/// Where engines see the model.
const MOUNT_PATH: &str = "/models";
/// Where the fetcher sees the cache.
const CACHE_PATH: &str = "/cache";
const VOLUME: &str = "model";
/// The key of a Secret that has a token, unless the spec gives one.
const TOKEN_KEY: &str = "token";
/// Keys of a Secret with S3 credentials, and whether they may be missing.
const S3_KEYS: [(&str, bool); 3] =
    [("AWS_ACCESS_KEY_ID", false), ("AWS_SECRET_ACCESS_KEY", false), ("AWS_SESSION_TOKEN", true)];

/// The path of the model file in the engine's container.
pub(super) fn path(source: &Source) -> String {
    format!("{MOUNT_PATH}/{}", source.file())
}

/// The volume that has the model.
pub(super) fn volume(valid: &Valid<'_>) -> Option<Volume> {
    let mut volume = Volume { name: VOLUME.to_owned(), ..Volume::default() };
    let claim = |claim_name: &str, read_only: bool| PersistentVolumeClaimVolumeSource {
        claim_name: claim_name.to_owned(),
        read_only: read_only.then_some(true),
    };
    let host =
        |path: &str, kind: &str| HostPathVolumeSource { path: path.to_owned(), type_: Some(kind.to_owned()) };
    match (valid.source.as_ref()?, valid.fetch.as_ref().map(|fetch| &fetch.cache)) {
        (_, Some(Cache::Claim(name))) => volume.persistent_volume_claim = Some(claim(name, false)),
        (_, Some(Cache::Node(path))) => volume.host_path = Some(host(path, "DirectoryOrCreate")),
        (_, Some(Cache::Pod)) => volume.empty_dir = Some(EmptyDirVolumeSource::default()),
        (Source::Oci(image), None) => {
            volume.image = Some(ImageVolumeSource {
                reference: Some(image.reference.clone()),
                pull_policy: Some("IfNotPresent".to_owned()),
            });
        }
        (Source::Pvc(file), None) => volume.persistent_volume_claim = Some(claim(&file.claim, true)),
        (Source::File(file), None) => volume.host_path = Some(host(file.folder(), "Directory")),
        // Fetched without a place to keep it: validation lets none through.
        (Source::HuggingFace(_) | Source::S3(_) | Source::Https(_), None) => return None,
    }
    Some(volume)
}

/// Where the engine sees it: nothing but this model, and nothing of it can be written.
pub(super) fn mount(valid: &Valid<'_>) -> Option<VolumeMount> {
    valid.source.as_ref()?;
    Some(VolumeMount {
        name: VOLUME.to_owned(),
        mount_path: MOUNT_PATH.to_owned(),
        sub_path: valid.fetch.as_ref().map(|fetch| format!("{}/files", fetch.folder)),
        read_only: Some(true),
        ..VolumeMount::default()
    })
}

/// The container that fetches the model before the engine starts.
pub(super) fn fetcher(valid: &Valid<'_>) -> Option<Container> {
    let fetch = valid.fetch.as_ref()?;
    let requests = BTreeMap::from([
        ("cpu".to_owned(), Quantity("100m".to_owned())),
        ("memory".to_owned(), Quantity("64Mi".to_owned())),
    ]);
    Some(Container {
        name: FETCH_CONTAINER.to_owned(),
        image: Some(fetch.image.to_owned()),
        args: Some(arguments(valid, fetch)),
        env: Some(environment(valid, fetch)).filter(|env| !env.is_empty()),
        resources: Some(ResourceRequirements { requests: Some(requests), ..ResourceRequirements::default() }),
        volume_mounts: Some(vec![VolumeMount {
            name: VOLUME.to_owned(),
            mount_path: CACHE_PATH.to_owned(),
            ..VolumeMount::default()
        }]),
        security_context: Some(rights(&fetch.cache)),
        ..Container::default()
    })
}

fn arguments(valid: &Valid<'_>, fetch: &Fetch<'_>) -> Vec<String> {
    let ModelSpec { source, endpoint, region, sha256, .. } = &valid.object.spec.model;
    let folder = Some(fetch.folder.clone());
    let flags = [
        ("--source", source),
        ("--folder", &folder),
        ("--endpoint", endpoint),
        ("--region", region),
        ("--sha256", sha256),
    ];
    let given = flags.into_iter().filter_map(|(flag, value)| Some([flag.to_owned(), value.clone()?]));
    given.flatten().collect()
}

fn environment(valid: &Valid<'_>, fetch: &Fetch<'_>) -> Vec<EnvVar> {
    let plain = |name: &str, value: &str| EnvVar {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..EnvVar::default()
    };
    let mut all: Vec<_> = fetch.ca_pem.map(|pem| plain("FLOTILLA_CA_PEM", pem)).into_iter().collect();
    let Some(credentials) = &valid.object.spec.model.credentials_ref else { return all };
    let secret = |name: &str, key: &str, optional: bool| EnvVar {
        name: name.to_owned(),
        value_from: Some(EnvVarSource {
            secret_key_ref: Some(SecretKeySelector {
                name: credentials.name.clone(),
                key: key.to_owned(),
                optional: optional.then_some(true),
            }),
            ..EnvVarSource::default()
        }),
        ..EnvVar::default()
    };
    match &valid.source {
        Some(Source::S3(_)) => all.extend(S3_KEYS.map(|(key, optional)| secret(key, key, optional))),
        _ => all.push(secret("FLOTILLA_TOKEN", credentials.key.as_deref().unwrap_or(TOKEN_KEY), false)),
    }
    all
}

/// Folders that the kubelet makes on a node belong to root, and only root without any capability may write them.
fn rights(cache: &Cache<'_>) -> SecurityContext {
    let root = matches!(cache, Cache::Node(_));
    SecurityContext {
        run_as_user: root.then_some(0),
        run_as_group: root.then_some(0),
        run_as_non_root: root.then_some(false),
        allow_privilege_escalation: Some(false),
        read_only_root_filesystem: Some(true),
        capabilities: Some(Capabilities { drop: Some(vec!["ALL".to_owned()]), ..Capabilities::default() }),
        ..SecurityContext::default()
    }
}
