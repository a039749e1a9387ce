//! What an engine is started with, so that it cannot take more than was planned.

use super::NeedError;
use crate::decide::sizing::LlamaCpp;
use flotilla_crds::ModelDeploymentSpec;
use flotilla_crds::model_deployment::{EngineType, KvCacheType};

/// Tokens of one sequence, unless the spec says otherwise.
pub const DEFAULT_MAX_TOKENS: u32 = 4096;
/// Sequences answered at once, unless the spec says otherwise.
pub const DEFAULT_PARALLEL_SEQUENCES: u32 = 4;
/// The engine's limits; they become its flags, so that it cannot take more than was planned.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Tokens one sequence may hold.
    pub max_tokens: u32,
    /// Sequences at once.
    pub parallel_sequences: u32,
    /// Tokens of all sequences together, as llama.cpp allocates them (`-c`).
    pub context_tokens: u32,
    /// The type of keys and values.
    pub kv_cache_type: KvCacheType,
    /// Tokens of one forward pass (`-ub`).
    pub ubatch_tokens: u32,
}

pub(super) fn limits(spec: &ModelDeploymentSpec) -> Result<Option<Limits>, NeedError> {
    if spec.engine.engine_type != EngineType::LlamaCpp {
        return Ok(None);
    }
    let (max_tokens, parallel_sequences, kv_cache_type) = context(spec);
    Ok(Some(Limits {
        max_tokens,
        parallel_sequences,
        context_tokens: LlamaCpp::context_tokens(max_tokens, parallel_sequences)?,
        kv_cache_type,
        ubatch_tokens: LlamaCpp::default().ubatch_tokens,
    }))
}

/// Tokens of a sequence, sequences, and how keys and values are kept.
pub(super) fn context(spec: &ModelDeploymentSpec) -> (u32, u32, KvCacheType) {
    let context = spec.context;
    (
        context.and_then(|c| c.max_tokens).unwrap_or(DEFAULT_MAX_TOKENS),
        context.and_then(|c| c.parallel_sequences).unwrap_or(DEFAULT_PARALLEL_SEQUENCES),
        context.and_then(|c| c.kv_cache_type).unwrap_or_default(),
    )
}
