//! From what is known of the file to the need: the file's word, else what it said before, else the spec's.

use super::file::{Failure, FileState};
use super::need::{Doubt, Instead, Need, NeedError, inputs, need, remembered};
use super::validate::Invalid;
use flotilla_crds::ModelDeployment;
use flotilla_crds::model_deployment::MemoryBasis;
use std::sync::Arc;

/// Why there is no need yet, though nothing may be wrong with the spec.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Unsized {
    /// The file is being read.
    #[error("the head of the model file is being read")]
    Reading,
    /// The file could not be read, and the spec alone does not do.
    #[error(
        "{}; it is tried again. To go on without the file, set spec.model.quantization and either spec.model.preset or spec.model.architecture, or declare spec.placement.gpuMemory",
        .0.message
    )]
    Unread(Arc<Failure>),
}

/// The need of one replica of `object`.
///
/// # Errors
/// If the spec has to be changed, or the file is not known and the spec does not say enough by itself.
pub fn resolve(object: &ModelDeployment, file: &FileState) -> Result<Need, Invalid> {
    let spec = &object.spec;
    let doubtful = |need: Need, failure: &Arc<Failure>, instead| Need {
        doubt: Some(Doubt { failure: Some(failure.clone()), instead }),
        ..need
    };
    match file {
        FileState::NotRead => Ok(need(spec, None)?),
        FileState::Known { file, since: None } => Ok(need(spec, Some(file))?),
        FileState::Known { file, since: Some(failure) } => {
            Ok(doubtful(need(spec, Some(file))?, failure, Instead::LastReading))
        }
        // Pods that run must not be replaced because a registry is away.
        FileState::Reading => recall(object, None)
            .or_else(|| by_spec_as_before(object))
            .ok_or(Invalid::Unsized(Unsized::Reading)),
        FileState::Failed(failure) => match recall(object, Some(failure)) {
            Some(need) => Ok(need),
            None => match need(spec, None) {
                Ok(need) => Ok(doubtful(need, failure, Instead::Spec)),
                Err(NeedError::Undescribed) => Err(Invalid::Unsized(Unsized::Unread(failure.clone()))),
                Err(error) => Err(error.into()),
            },
        },
    }
}

/// The spec's own figures, where these counted before: what runs by them goes on while the file is tried again.
fn by_spec_as_before(object: &ModelDeployment) -> Option<Need> {
    let memory = object.status.as_ref()?.memory.as_ref()?;
    let of_spec = matches!(memory.basis, Some(MemoryBasis::Preset | MemoryBasis::Architecture));
    let same = memory.inputs.as_ref() == Some(&inputs(&object.spec));
    let need = need(&object.spec, None).ok().filter(|_| of_spec && same)?;
    Some(Need { doubt: Some(Doubt { failure: None, instead: Instead::Spec }), ..need })
}

/// The need that the status has from the last reading.
fn recall(object: &ModelDeployment, failure: Option<&Arc<Failure>>) -> Option<Need> {
    let status = object.status.as_ref()?;
    remembered(&object.spec, status.memory.as_ref()?, status.quantization.clone(), failure.cloned())
}
