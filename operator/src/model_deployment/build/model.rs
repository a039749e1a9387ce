//! How a model and its adapters come into a pod: the volume that has each, where engines see it, and who puts it there.

use crate::model_deployment::asset::{Asset, Origin};
use crate::model_deployment::fetch::{Fetch, Kept, container_name};
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
/// Where they see adapters, each in a folder of its name.
const ADAPTERS_PATH: &str = "/adapters";
/// Where a fetcher sees the cache.
const CACHE_PATH: &str = "/cache";
const VOLUME: &str = "model";
/// The key of a Secret that has a token, unless the spec gives one.
const TOKEN_KEY: &str = "token";
/// Keys of a Secret with S3 credentials, and whether they may be missing.
const S3_KEYS: [(&str, bool); 3] =
    [("AWS_ACCESS_KEY_ID", false), ("AWS_SECRET_ACCESS_KEY", false), ("AWS_SESSION_TOKEN", true)];

/// The path of the file in the engine's container.
pub(super) fn path(asset: &Asset<'_>) -> String {
    format!("{}/{}", mount_path(asset.adapter), asset.source.file())
}

fn mount_path(adapter: Option<&str>) -> String {
    adapter.map_or_else(|| MOUNT_PATH.to_owned(), |name| format!("{ADAPTERS_PATH}/{name}"))
}

fn volume_name(adapter: Option<&str>) -> String {
    adapter.map_or_else(|| VOLUME.to_owned(), |name| format!("adapter-{name}"))
}

/// The volume that has it.
pub(super) fn volume(asset: &Asset<'_>) -> Option<Volume> {
    let mut volume = Volume { name: volume_name(asset.adapter), ..Volume::default() };
    let claim = |claim_name: &str, read_only: bool| PersistentVolumeClaimVolumeSource {
        claim_name: claim_name.to_owned(),
        read_only: read_only.then_some(true),
    };
    let host =
        |path: &str, kind: &str| HostPathVolumeSource { path: path.to_owned(), type_: Some(kind.to_owned()) };
    match (&asset.source, asset.fetch.as_ref().map(|fetch| &fetch.cache)) {
        (_, Some(Kept::Claim(name))) => volume.persistent_volume_claim = Some(claim(name, false)),
        (_, Some(Kept::Node(path))) => volume.host_path = Some(host(path, "DirectoryOrCreate")),
        (_, Some(Kept::Pod)) => volume.empty_dir = Some(EmptyDirVolumeSource::default()),
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

/// Where the engine sees it: nothing but this, and nothing of it can be written.
pub(super) fn mount(asset: &Asset<'_>) -> VolumeMount {
    VolumeMount {
        name: volume_name(asset.adapter),
        mount_path: mount_path(asset.adapter),
        sub_path: asset.fetch.as_ref().map(|fetch| format!("{}/files", fetch.folder)),
        read_only: Some(true),
        ..VolumeMount::default()
    }
}

/// The container that fetches it before the engine starts.
pub(super) fn fetcher(asset: &Asset<'_>) -> Option<Container> {
    let fetch = asset.fetch.as_ref()?;
    let requests = BTreeMap::from([
        ("cpu".to_owned(), Quantity("100m".to_owned())),
        ("memory".to_owned(), Quantity("64Mi".to_owned())),
    ]);
    Some(Container {
        name: container_name(asset.adapter),
        image: Some(fetch.image.to_owned()),
        args: Some(arguments(&asset.origin, fetch)),
        env: Some(environment(asset, fetch)).filter(|env| !env.is_empty()),
        resources: Some(ResourceRequirements { requests: Some(requests), ..ResourceRequirements::default() }),
        volume_mounts: Some(vec![cache_mount(asset)]),
        security_context: Some(rights(&fetch.cache)),
        ..Container::default()
    })
}

/// Where the fetcher's program sees the cache that an asset is kept in.
pub(super) fn cache_mount(asset: &Asset<'_>) -> VolumeMount {
    VolumeMount {
        name: volume_name(asset.adapter),
        mount_path: CACHE_PATH.to_owned(),
        ..VolumeMount::default()
    }
}

fn arguments(origin: &Origin<'_>, fetch: &Fetch<'_>) -> Vec<String> {
    let Origin { source, endpoint, region, sha256, credentials: _ } = *origin;
    let flags = [
        ("--source", Some(source)),
        ("--folder", Some(&*fetch.folder)),
        ("--endpoint", endpoint),
        ("--region", region),
        ("--sha256", sha256),
    ];
    let given = flags.into_iter().filter_map(|(flag, value)| Some([flag.to_owned(), value?.to_owned()]));
    // What other nodes read of a volume cannot be told.
    let make_room = matches!(fetch.cache, Kept::Node(_)).then(|| "--make-room".to_owned());
    given.flatten().chain(make_room).collect()
}

fn environment(asset: &Asset<'_>, fetch: &Fetch<'_>) -> Vec<EnvVar> {
    let plain = |name: &str, value: &str| EnvVar {
        name: name.to_owned(),
        value: Some(value.to_owned()),
        ..EnvVar::default()
    };
    let mut all: Vec<_> = fetch.ca_pem.map(|pem| plain("FLOTILLA_CA_PEM", pem)).into_iter().collect();
    let Some(credentials) = asset.origin.credentials else { return all };
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
    match &asset.source {
        Source::S3(_) => all.extend(S3_KEYS.map(|(key, optional)| secret(key, key, optional))),
        _ => all.push(secret("FLOTILLA_TOKEN", credentials.key.as_deref().unwrap_or(TOKEN_KEY), false)),
    }
    all
}

/// Folders that the kubelet makes on a node belong to root, and only root without any capability may write them.
pub(super) fn rights(cache: &Kept<'_>) -> SecurityContext {
    let root = matches!(cache, Kept::Node(_));
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
