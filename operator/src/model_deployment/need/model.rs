//! The model as the estimator takes it: from its file, else from the spec; and where the two disagree.

use super::NeedError;
use super::limits::context;
use crate::decide::sizing::{self, Architecture, Estimate, Quantization, Request, Weights};
use crate::model_deployment::conflict::{self, Conflict};
use crate::model_deployment::shape;
use crate::model_file::{self, Declared, ModelFile};
use flotilla_crds::ModelDeploymentSpec;
use flotilla_crds::model_deployment::{EngineType, MemoryBasis};

/// The model as the estimator takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Model {
    architecture: Architecture,
    weights: Weights,
    adapters: Vec<sizing::Adapter>,
}

/// What to compute from.
pub(super) struct Described {
    pub(super) model: Model,
    pub(super) basis: MemoryBasis,
}

/// The file's word counts, then `spec.model.architecture`, then the preset; none where too little is said.
pub(super) fn describe(
    spec: &ModelDeploymentSpec,
    file: Option<&ModelFile>,
) -> Result<Option<Described>, NeedError> {
    let said = shape::of_spec(&spec.model)?;
    let read = file.and_then(|file| file.architecture.clone()).map(|shape| (shape, MemoryBasis::File));
    let exact = file.and_then(|file| file.weights).map(Weights::from);
    let weights = match (exact, file.and_then(|file| file.quantization)) {
        (Some(weights), _) => Some(weights),
        (None, Some(quantization)) => Some(quantization.into()),
        (None, None) => quantization(spec)?.map(Weights::from),
    };
    Ok(read.or(said).zip(weights).map(|((architecture, basis), weights)| Described {
        model: Model { architecture, weights, adapters: adapters(spec) },
        basis,
    }))
}

/// What the spec says otherwise than the file, whose terms `estimate` has.
pub(super) fn conflicts(
    spec: &ModelDeploymentSpec,
    file: Option<&ModelFile>,
    estimate: &Estimate,
) -> Result<Vec<Conflict>, NeedError> {
    let Some(file) = file else { return Ok(Vec::new()) };
    let mut said = shape::of_spec(&spec.model)?.map(|(shape, _)| shape);
    if let (Some(said), Some(read)) = (&mut said, &file.architecture)
        && spec.model.architecture.as_ref().is_some_and(|given| given.context_window.is_none())
    {
        said.context_window = read.context_window;
    }
    let quantization = quantization(spec)?;
    let declared = Declared { architecture: said.as_ref(), quantization };
    let mut found: Vec<_> =
        model_file::conflicts(&declared, file).into_iter().map(Conflict::Described).collect();
    if let (Some(architecture), Some(quantization), Some(read)) = (said, quantization, &file.weights) {
        let model = Model { architecture, weights: quantization.into(), adapters: adapters(spec) };
        // What the spec leads to may not be computable; then there is no figure to compare.
        let expected = request(spec, &model).and_then(|request| Ok(sizing::estimate(&request)?));
        let weights = |estimate: &Estimate| estimate.weights.mib();
        found.extend(
            expected.ok().and_then(|said| conflict::weights(weights(&said), weights(estimate), read.exact)),
        );
    }
    Ok(found)
}

fn quantization(spec: &ModelDeploymentSpec) -> Result<Option<Quantization>, NeedError> {
    Ok(spec.model.quantization.map(|quantization| quantization.as_str().parse()).transpose()?)
}

/// The model that the file, or else the spec, describes; none where neither says enough, or the engine is not ours to
/// size.
///
/// # Errors
/// If the spec names a preset that does not exist.
pub fn model(spec: &ModelDeploymentSpec, file: Option<&ModelFile>) -> Result<Option<Model>, NeedError> {
    if spec.engine.engine_type != EngineType::LlamaCpp {
        return Ok(None);
    }
    Ok(describe(spec, file)?.map(|described| described.model))
}

/// The adapters by what the spec says of them: their files are not read.
fn adapters(spec: &ModelDeploymentSpec) -> Vec<sizing::Adapter> {
    spec.model.adapters.iter().map(|adapter| sizing::Adapter::Wide(adapter.rank)).collect()
}

/// GPUs of one replica.
pub(super) fn gpus(spec: &ModelDeploymentSpec) -> u32 {
    spec.placement.as_ref().and_then(|placement| placement.gpus_per_replica).unwrap_or(1).max(1)
}

/// What the estimator is asked for a model.
///
/// # Errors
/// If the spec asks for more context than the model has.
pub fn request<'a>(spec: &ModelDeploymentSpec, model: &'a Model) -> Result<Request<'a>, NeedError> {
    let architecture = &model.architecture;
    let (max_tokens, parallel_sequences, kv_cache_type) = context(spec);
    let window = architecture.context_window;
    if max_tokens > window {
        return Err(NeedError::BeyondWindow { asked: max_tokens, window });
    }
    Ok(Request {
        parallel_sequences,
        kv: format!("{kv_cache_type:?}").parse()?,
        gpus: gpus(spec),
        adapters: &model.adapters,
        ..Request::new(architecture, model.weights, max_tokens)
    })
}
