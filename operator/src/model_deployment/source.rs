//! Where a model file comes from. A new source is a variant here and a line in `parse`.

use k8s_openapi::api::core::v1::{ImageVolumeSource, PersistentVolumeClaimVolumeSource, Volume};

/// The file's name in an OCI image, unless the source gives one.
const DEFAULT_FILE: &str = "model.gguf";
/// Where the volume is mounted.
pub const MOUNT_PATH: &str = "/models";

/// A parsed `spec.model.source`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// An OCI image, mounted as a volume.
    Oci {
        /// `registry/repository:tag` or `…@digest`.
        reference: String,
        /// Path in the image.
        file: String,
    },
    /// A volume that is there already.
    Pvc {
        /// The claim, in the object's namespace.
        claim: String,
        /// Path in the volume.
        file: String,
    },
}

/// Why a source cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "spec.model.source {0:?} must be oci://REGISTRY/REPOSITORY:TAG#FILE or pvc://CLAIM/PATH, without '..'"
)]
pub struct SourceError(String);

impl Source {
    /// Parses a source. The API server checked its form; this does not rely on that.
    pub fn parse(text: &str) -> Result<Self, SourceError> {
        let error = || SourceError(text.to_owned());
        if text.split(['/', '#']).any(|part| part == "..") {
            return Err(error());
        }
        if let Some(rest) = text.strip_prefix("oci://") {
            let (reference, file) = rest.split_once('#').unwrap_or((rest, DEFAULT_FILE));
            let file = file.trim_start_matches('/');
            return if reference.contains('/') && !file.is_empty() {
                Ok(Self::Oci { reference: reference.to_owned(), file: file.to_owned() })
            } else {
                Err(error())
            };
        }
        let (claim, file) =
            text.strip_prefix("pvc://").and_then(|rest| rest.split_once('/')).ok_or_else(error)?;
        if claim.is_empty() || file.is_empty() {
            return Err(error());
        }
        Ok(Self::Pvc { claim: claim.to_owned(), file: file.to_owned() })
    }

    /// The path of the file in the engine's container.
    pub fn path(&self) -> String {
        let (Self::Oci { file, .. } | Self::Pvc { file, .. }) = self;
        format!("{MOUNT_PATH}/{file}")
    }

    /// The volume that holds the file.
    pub fn volume(&self, name: &str) -> Volume {
        let mut volume = Volume { name: name.to_owned(), ..Volume::default() };
        match self {
            Self::Oci { reference, .. } => {
                volume.image = Some(ImageVolumeSource {
                    reference: Some(reference.clone()),
                    pull_policy: Some("IfNotPresent".to_owned()),
                });
            }
            Self::Pvc { claim, .. } => {
                volume.persistent_volume_claim = Some(PersistentVolumeClaimVolumeSource {
                    claim_name: claim.clone(),
                    read_only: Some(true),
                });
            }
        }
        volume
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sources_are_read() {
        let oci = Source::parse("oci://reg.example:5000/models/llama:q4#sub/llama.gguf").unwrap();
        assert_eq!(oci.path(), "/models/sub/llama.gguf");
        assert_eq!(Source::parse("oci://reg.example/m:1").unwrap().path(), "/models/model.gguf");
        assert_eq!(
            Source::parse("pvc://weights/a/b.gguf"),
            Ok(Source::Pvc { claim: "weights".to_owned(), file: "a/b.gguf".to_owned() })
        );
    }

    #[test]
    fn others_are_refused() {
        for text in [
            "",
            "oci://x",
            "oci://r/m:1#",
            "pvc://claim",
            "pvc:///x",
            "http://x/y",
            "pvc://c/../../etc/passwd",
        ] {
            assert!(Source::parse(text).is_err(), "{text}");
        }
    }
}
