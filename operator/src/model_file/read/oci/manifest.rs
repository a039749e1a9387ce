//! Manifests and indexes of images.

use super::error::OciError;
use super::reference::{Digest, Reference};
use serde::Deserialize;
use std::collections::BTreeMap;

/// What a manifest request accepts.
pub(super) const ACCEPTED: &str = "application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json";
/// Bytes of a manifest: what the distribution specification has registries take.
pub(super) const LARGEST_MANIFEST: usize = 4 * 1024 * 1024;
/// Layers of an image; container runtimes stop at 127.
const MOST_LAYERS: usize = 512;
/// An artifact's layer that is a file by itself carries its name here.
const TITLE: &str = "org.opencontainers.image.title";

/// Either kind of manifest.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Manifest {
    /// One image: its layers, from the bottom.
    Image(Vec<LayerDescriptor>),
    /// The manifest to go on with: one platform's.
    Index(Digest),
}

/// A layer as its manifest describes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct LayerDescriptor {
    pub(super) digest: Digest,
    /// Bytes of the blob, compressed if it is.
    pub(super) size: u64,
    pub(super) kind: LayerKind,
}

/// How a layer holds files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum LayerKind {
    /// A tar archive.
    Tar(Compression),
    /// One file, of this name.
    File(String),
    /// Something else, of this media type.
    Other(String),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Compression {
    None,
    Gzip,
    Zstd,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Raw {
    media_type: Option<String>,
    layers: Option<Vec<RawDescriptor>>,
    manifests: Option<Vec<RawDescriptor>>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct RawDescriptor {
    #[serde(default)]
    media_type: String,
    digest: String,
    size: u64,
    #[serde(default)]
    annotations: BTreeMap<String, String>,
    platform: Option<Platform>,
}

#[derive(Deserialize)]
struct Platform {
    architecture: String,
    os: String,
}

/// Reads a manifest or index.
pub(super) fn parse(body: &[u8], reference: &Reference) -> Result<Manifest, OciError> {
    let malformed = |problem: String| OciError::Malformed { what: "the image's manifest", problem };
    let raw: Raw = serde_json::from_slice(body).map_err(|error| malformed(error.to_string()))?;
    if let Some(layers) = raw.layers {
        if layers.len() > MOST_LAYERS {
            return Err(malformed(format!("it has {} layers", layers.len())));
        }
        return layers.into_iter().map(layer).collect::<Result<_, _>>().map(Manifest::Image);
    }
    if let Some(manifests) = raw.manifests {
        return choose(&manifests).map(Manifest::Index);
    }
    let media_type = raw.media_type.unwrap_or_else(|| "manifest of an unknown kind".to_owned());
    Err(OciError::MediaType {
        reference: reference.to_string(),
        media_type: media_type.chars().take(128).collect(),
    })
}

/// The model is the same on every platform, so any will do; attestations are listed as platform `unknown`.
fn choose(manifests: &[RawDescriptor]) -> Result<Digest, OciError> {
    let rank = |one: &&RawDescriptor| match &one.platform {
        Some(platform) if platform.os == "linux" && platform.architecture == "amd64" => 0,
        None => 1,
        Some(platform) if platform.os != "unknown" => 2,
        Some(_) => 3,
    };
    let chosen = manifests.iter().min_by_key(rank).ok_or_else(|| OciError::Malformed {
        what: "the image's index",
        problem: "it lists no manifest".to_owned(),
    })?;
    digest(chosen)
}

fn digest(descriptor: &RawDescriptor) -> Result<Digest, OciError> {
    Digest::parse(&descriptor.digest).ok_or_else(|| OciError::Malformed {
        what: "the image's manifest",
        problem: format!("{:?} is no sha256 digest", descriptor.digest.chars().take(80).collect::<String>()),
    })
}

fn layer(raw: RawDescriptor) -> Result<LayerDescriptor, OciError> {
    Ok(LayerDescriptor { digest: digest(&raw)?, size: raw.size, kind: kind(raw) })
}

fn kind(raw: RawDescriptor) -> LayerKind {
    let media_type = raw.media_type;
    // Docker's name of a compressed layer ends with `.tar.gzip`.
    match media_type.rsplit('.').next() {
        Some("tar") => LayerKind::Tar(Compression::None),
        Some("tar+gzip" | "gzip") => LayerKind::Tar(Compression::Gzip),
        Some("tar+zstd") => LayerKind::Tar(Compression::Zstd),
        _ => match raw.annotations.get(TITLE) {
            Some(title) => LayerKind::File(title.clone()),
            None => LayerKind::Other(media_type),
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn read(manifest: &serde_json::Value) -> Result<Manifest, OciError> {
        parse(manifest.to_string().as_bytes(), &Reference::parse("reg.example/m:1").unwrap())
    }

    #[test]
    fn each_kind_of_layer_is_told() {
        let digest = Digest::of(b"layer");
        let layer = |media_type: &str| json!({"mediaType": media_type, "digest": digest.as_str(), "size": 7});
        let mut named = layer("application/vnd.example.gguf");
        named["annotations"] = json!({"org.opencontainers.image.title": "m.gguf"});
        let layers = [
            layer("application/vnd.oci.image.layer.v1.tar"),
            layer("application/vnd.oci.image.layer.v1.tar+gzip"),
            layer("application/vnd.docker.image.rootfs.diff.tar.gzip"),
            layer("application/vnd.oci.image.layer.v1.tar+zstd"),
            named,
            layer("text/plain"),
        ];
        let Manifest::Image(layers) = read(&json!({"layers": layers})).unwrap() else { panic!("an index") };
        assert_eq!(
            layers.into_iter().map(|layer| layer.kind).collect::<Vec<_>>(),
            [
                LayerKind::Tar(Compression::None),
                LayerKind::Tar(Compression::Gzip),
                LayerKind::Tar(Compression::Gzip),
                LayerKind::Tar(Compression::Zstd),
                LayerKind::File("m.gguf".to_owned()),
                LayerKind::Other("text/plain".to_owned()),
            ]
        );
    }

    #[test]
    fn an_index_leads_to_an_image_and_not_to_an_attestation() {
        let entry = |content: &str, os: &str, architecture: &str| json!({"digest": Digest::of(content.as_bytes()).as_str(), "size": 1, "platform": {"os": os, "architecture": architecture}});
        let unknown = entry("attestation", "unknown", "unknown");
        let arm = entry("arm", "linux", "arm64");
        let amd = entry("amd", "linux", "amd64");
        for (manifests, expected) in [(vec![&unknown, &arm, &amd], "amd"), (vec![&unknown, &arm], "arm")] {
            let expected = Manifest::Index(Digest::of(expected.as_bytes()));
            assert_eq!(read(&json!({"manifests": manifests})).unwrap(), expected);
        }
    }

    #[test]
    fn what_is_no_image_is_refused() {
        let schema1 = json!({"schemaVersion": 1, "fsLayers": [], "mediaType": "application/x"});
        assert!(matches!(read(&schema1), Err(OciError::MediaType { .. })));
        let traversal = json!({"layers": [{"digest": "sha256:../../../etc", "size": 1}]});
        assert!(matches!(read(&traversal), Err(OciError::Malformed { .. })));
        assert!(matches!(read(&json!({"manifests": []})), Err(OciError::Malformed { .. })));
        assert!(matches!(
            read(&json!({"layers": [{"digest": Digest::of(b"").as_str(), "size": -1}]})),
            Err(OciError::Malformed { .. })
        ));
    }
}
