//! Which file, and with whose credentials.

use super::Failure;
use crate::model_file::read::oci::{Reference, Version};
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::EngineType;
use flotilla_model_source::{OciImage, Source};

/// One file in one image, as somebody may read it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Key {
    /// The image.
    pub reference: Reference,
    /// The file's path in it.
    pub path: String,
    /// The namespace and names of pull secrets. Part of the key: what one namespace may read, another may not.
    pub secrets: Option<(String, Vec<String>)>,
}

impl Key {
    /// The file to read for an object; none where it is not looked at.
    ///
    /// # Errors
    /// If the image's name is none that a registry can have.
    pub fn of(object: &ModelDeployment) -> Result<Option<Self>, Failure> {
        let spec = &object.spec;
        let declared = spec.placement.as_ref().is_some_and(|placement| placement.gpu_memory.is_some());
        if spec.engine.engine_type != EngineType::LlamaCpp || declared {
            return Ok(None);
        }
        let source = spec.model.source.as_deref().and_then(|text| Source::parse(text).ok());
        let Some(Source::Oci(OciImage { reference, file })) = source else {
            return Ok(None);
        };
        let names: Vec<_> = spec.model.pull_secrets.iter().map(|secret| secret.name.clone()).collect();
        let namespace = object.metadata.namespace.clone().unwrap_or_default();
        Ok(Some(Self {
            reference: Reference::parse(&reference)?,
            path: file,
            secrets: (!names.is_empty()).then_some((namespace, names)),
        }))
    }

    /// Whether the image may be another tomorrow.
    pub(super) fn may_move(&self) -> bool {
        matches!(self.reference.version, Version::Tag(_))
    }
}
