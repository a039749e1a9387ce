//! From a spec that the API server took to one that cannot be wrong.

use super::asset::{Asset, assets};
use super::calibrate::corrected;
use super::file::FileState;
use super::need::{Need, NeedError};
use super::resolve::{Unsized, resolve};
use crate::decide::placement::Ask;
use crate::options::Defaults;
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::EngineType;
use flotilla_model_source::SourceError;
use std::time::Duration;

/// How long a stopping replica serves on, unless the spec says otherwise.
const DEFAULT_DRAIN: Duration = Duration::from_secs(10);

/// A `ModelDeployment` with everything resolved that does not need the cluster.
#[derive(Debug, Clone)]
pub struct Valid<'a> {
    /// The object.
    pub object: &'a ModelDeployment,
    /// The object's name.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// Its uid.
    pub uid: &'a str,
    /// The model to load; none for engines that bring their own.
    pub model: Option<Asset<'a>>,
    /// The adapters to load with it.
    pub adapters: Vec<Asset<'a>>,
    /// The engine's image.
    pub image: &'a str,
    /// What one replica needs.
    pub need: Need,
    /// How long a stopping replica serves on.
    pub drain: Duration,
}

impl<'a> Valid<'a> {
    /// Everything that a replica loads.
    pub fn assets(&self) -> impl Iterator<Item = &Asset<'a>> {
        self.model.iter().chain(&self.adapters)
    }

    /// What a replica asks of a node.
    pub fn ask(&self) -> Ask<'_> {
        Ask::of(self.object.spec.placement.as_ref(), self.need.required_mib)
    }
}

/// What a person has to change.
#[derive(Debug, thiserror::Error)]
pub enum Invalid {
    /// The memory cannot be told.
    #[error(transparent)]
    Need(#[from] NeedError),
    /// The file is not known, and the spec does not say enough without it.
    #[error(transparent)]
    Unsized(#[from] Unsized),
    /// The source cannot be read.
    #[error(transparent)]
    Source(#[from] SourceError),
    /// A file of the node that nobody allowed.
    #[error(
        "spec.model.source {path} lies in no folder of the node that the operator may mount ({}); the chart's modelFiles.nodeFolders lists them",
        if allowed.is_empty() { "there is none" } else { allowed }
    )]
    NodeFolder {
        /// The file.
        path: String,
        /// The folders.
        allowed: String,
    },
    /// A required field is missing; the API server's rules normally refuse this.
    #[error("{0}")]
    Missing(&'static str),
}

/// Resolves the spec.
pub fn validate<'a>(
    object: &'a ModelDeployment,
    defaults: &'a Defaults,
    file: &FileState,
) -> Result<Valid<'a>, Invalid> {
    let spec = &object.spec;
    let (model, adapters) = assets(object, defaults)?;
    let image = match (&spec.engine.image, spec.engine.engine_type) {
        (Some(image), _) => image,
        (None, EngineType::LlamaCpp) => &defaults.llama_cpp_image,
        (None, EngineType::Custom) => {
            return Err(Invalid::Missing("engine Custom has no default image: set spec.engine.image"));
        }
    };
    if spec.engine.engine_type == EngineType::LlamaCpp {
        if model.as_ref().is_none_or(|model| model.source.file().is_empty()) {
            return Err(Invalid::Missing(
                "engine LlamaCpp loads one model file: let spec.model.source name it",
            ));
        }
        if adapters.iter().any(|adapter| adapter.source.file().is_empty()) {
            return Err(Invalid::Missing(
                "engine LlamaCpp loads one file for each adapter: let its source name it",
            ));
        }
    }
    let identity = |field: &'a Option<String>| {
        field.as_deref().ok_or(Invalid::Missing("the object has no identity yet"))
    };
    let drain = spec.rollout.as_ref().and_then(|r| r.drain_timeout.as_deref());
    Ok(Valid {
        object,
        name: identity(&object.metadata.name)?,
        namespace: identity(&object.metadata.namespace)?,
        uid: identity(&object.metadata.uid)?,
        model,
        adapters,
        image,
        need: corrected(object, resolve(object, file)?),
        drain: drain.and_then(parse_duration).unwrap_or(DEFAULT_DRAIN),
    })
}

/// Reads a Go duration; its form was checked by the API server.
pub fn parse_duration(text: &str) -> Option<Duration> {
    text.parse::<kube::core::Duration>().ok().filter(|d| !d.is_negative()).map(Duration::from)
}
