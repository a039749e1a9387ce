//! An image: layers and how to run them, written as an OCI layout folder.

use std::{
    fs,
    path::{Path, PathBuf},
};

use serde_json::json;
use sha2::{Digest, Sha256};

use super::layer::Blob;
use crate::{
    error::{FileContext, Result},
    hex::hex,
};

/// How a container of the image starts.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Config {
    /// `ENTRYPOINT`.
    pub entrypoint: Vec<String>,
    /// `ENV`.
    pub env: Vec<(String, String)>,
    /// `USER`; empty for images that only carry files.
    pub user: String,
    /// `LABEL`s, keys of `org.opencontainers.image`.
    pub labels: Vec<(String, String)>,
}

/// An image in an OCI layout folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Image {
    /// The folder.
    pub layout: PathBuf,
    /// Digest of the manifest.
    pub digest: String,
}

impl Image {
    /// Writes the layout. Layers are linked, not copied, where the file system allows.
    ///
    /// # Errors
    /// If a file cannot be written.
    pub fn write(layout: &Path, config: &Config, layers: &[Blob]) -> Result<Self> {
        if layout.exists() {
            fs::remove_dir_all(layout).context("remove", layout)?;
        }
        let blobs = layout.join("blobs/sha256");
        fs::create_dir_all(&blobs).context("create", &blobs)?;
        for layer in layers {
            let target = blobs.join(layer.digest.trim_start_matches("sha256:"));
            if fs::hard_link(&layer.path, &target).is_err() && !target.exists() {
                fs::copy(&layer.path, &target).context("write", &target)?;
            }
        }
        let (config, config_size) = write_blob(&blobs, &config_json(config, layers))?;
        let layers: Vec<_> = layers
            .iter()
            .map(|layer| json!({"mediaType": layer.media_type, "digest": layer.digest, "size": layer.size}))
            .collect();
        let manifest = json!({
            "schemaVersion": 2,
            "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": {
                "mediaType": "application/vnd.oci.image.config.v1+json",
                "digest": config,
                "size": config_size,
            },
            "layers": layers,
        });
        let (digest, size) = write_blob(&blobs, &manifest)?;
        let index = json!({
            "schemaVersion": 2,
            "manifests": [{
                "mediaType": "application/vnd.oci.image.manifest.v1+json",
                "digest": digest,
                "size": size,
            }],
        });
        write(&layout.join("index.json"), index.to_string().as_bytes())?;
        write(&layout.join("oci-layout"), br#"{"imageLayoutVersion":"1.0.0"}"#)?;
        Ok(Self { layout: layout.to_owned(), digest })
    }
}

fn config_json(config: &Config, layers: &[Blob]) -> serde_json::Value {
    let env: Vec<_> = config.env.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let labels: serde_json::Map<_, _> = config.labels.iter().map(|(k, v)| (k.clone(), json!(v))).collect();
    let diff_ids: Vec<_> = layers.iter().map(|layer| &layer.diff_id).collect();
    json!({
        "architecture": architecture(),
        "os": "linux",
        "config": {"Entrypoint": config.entrypoint, "Env": env, "User": config.user, "Labels": labels},
        "rootfs": {"type": "layers", "diff_ids": diff_ids},
    })
}

/// Go's name of this machine's architecture, which OCI uses.
fn architecture() -> &'static str {
    match std::env::consts::ARCH {
        "x86_64" => "amd64",
        "aarch64" => "arm64",
        other => other,
    }
}

/// `sha256:` and the digest in hexadecimal.
pub(super) fn digest(hash: Sha256) -> String {
    format!("sha256:{}", hex(&hash.finalize()))
}

fn write_blob(blobs: &Path, value: &serde_json::Value) -> Result<(String, usize)> {
    let text = value.to_string();
    let digest = digest(Sha256::new_with_prefix(&text));
    write(&blobs.join(digest.trim_start_matches("sha256:")), text.as_bytes())?;
    Ok((digest, text.len()))
}

fn write(path: &Path, content: &[u8]) -> Result<()> {
    fs::write(path, content).context("write", path)
}
