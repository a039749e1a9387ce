//! The file behind a manifest's `spec.model.source`, read as the operator does before it sizes a replica.

use super::location::Location;
use super::reader::Reader;
use flotilla_crds::ModelDeployment;
use flotilla_model_source::{Source, VolumeFile};
use flotilla_operator::model_deployment::file::{InImage, Place};
use flotilla_operator::model_file::{Format, ModelFile};

/// What is known of the file.
#[derive(Default)]
pub(super) struct Behind {
    /// What it says.
    pub(super) file: Option<ModelFile>,
    /// Why it was not read, where the operator would read it, or the engine will load it.
    pub(super) unread: Option<String>,
}

/// Reads the file of `object`, unless its need is declared or its engine is not ours to size.
pub(super) fn behind(object: &ModelDeployment, reader: &Reader<'_>) -> Behind {
    let unread = |reason: String| Behind { file: None, unread: Some(reason) };
    let place = match Place::of(object) {
        Ok(Some(place)) => place,
        Ok(None) => return Behind { file: None, unread: elsewhere(object) },
        Err(failure) => return unread(failure.message),
    };
    if !reader.online() {
        return unread(format!("{place} was not read (--offline)"));
    }
    let location = match &place {
        Place::Image(InImage { reference, path, .. }) => {
            Location::Image { reference: reference.clone(), file: path.clone() }
        }
        Place::Source(source) => Location::Source(source.clone()),
    };
    match reader.read(&location) {
        Ok(file) if file.format == Format::Gguf => Behind { file: Some(file), unread: None },
        Ok(_) => unread(format!("{place} is no GGUF file, and engine LlamaCpp loads no other: convert it")),
        Err(error) => unread(error.to_string()),
    }
}

/// Of a sized engine whose file lies where neither the operator nor this command reads it.
fn elsewhere(object: &ModelDeployment) -> Option<String> {
    let spec = &object.spec;
    let declared = spec.placement.as_ref().is_some_and(|placement| placement.gpu_memory.is_some());
    if declared {
        return None;
    }
    match Source::parse(spec.model.source.as_deref()?).ok()? {
        Source::Pvc(VolumeFile { claim, file }) => {
            Some(format!("{file} lies in volume {claim} of the cluster, where it is not read"))
        }
        Source::File(file) => {
            Some(format!("{} lies on nodes of the cluster, where it is not read", file.file()))
        }
        _ => None,
    }
}
