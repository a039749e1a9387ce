//! How much GPU memory one replica of this spec needs.

use crate::decide::sizing::{
    self, Alternative, Architecture, Attention, Bytes, Estimate, Family, FeedForward, LlamaCpp, Request,
    SizingError, UnknownPreset,
};
use crate::kube_ext::{QuantityError, to_mib};
use flotilla_crds::ModelDeploymentSpec;
use flotilla_crds::model_deployment::{
    Architecture as ArchitectureSpec, EngineType, KvCacheType, ModelFamily,
};

/// Tokens of one sequence, unless the spec says otherwise.
pub const DEFAULT_MAX_TOKENS: u32 = 4096;
/// Sequences answered at once, unless the spec says otherwise.
pub const DEFAULT_PARALLEL_SEQUENCES: u32 = 4;
/// Added to a computed need, in percent. A declared need is taken as it is.
pub const DEFAULT_HEADROOM_PERCENT: u64 = 5;

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

/// The need of one replica.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// The terms, where they could be computed.
    pub estimate: Option<Estimate>,
    /// Without headroom, in MiB: declared, or the sum of the terms.
    pub total_mib: u64,
    /// With headroom, in MiB: what a card must have.
    pub required_mib: u64,
    /// Only for engines whose limits Flotilla sets.
    pub limits: Option<Limits>,
}

/// Why there is no need to speak of.
#[derive(Debug, thiserror::Error)]
pub enum NeedError {
    /// The preset is not in the catalogue.
    #[error("spec.model.{0}")]
    UnknownPreset(#[from] UnknownPreset),
    /// The estimator refuses the figures.
    #[error("the GPU memory cannot be computed: {0}")]
    Sizing(#[from] SizingError),
    /// A quantization or KV type that the estimator has no row for.
    #[error("the GPU memory cannot be computed: {0}")]
    UnknownName(#[from] sizing::UnknownName),
    /// The declared memory is no quantity.
    #[error("spec.placement.gpuMemory: {0}")]
    Quantity(#[from] QuantityError),
    /// More context than the model was trained for.
    #[error(
        "spec.context.maxTokens {asked} is more than the model's context window of {window} tokens: lower it"
    )]
    BeyondWindow {
        /// As the spec says.
        asked: u32,
        /// As the preset says.
        window: u32,
    },
    /// Nothing to compute from.
    #[error(
        "the GPU memory cannot be computed: set spec.model.quantization and spec.model.preset, or declare spec.placement.gpuMemory"
    )]
    Undescribed,
}

/// Computes or reads the need.
pub fn need(spec: &ModelDeploymentSpec) -> Result<Need, NeedError> {
    let placement = spec.placement.as_ref();
    let declared_mib = placement.and_then(|p| p.gpu_memory.as_ref()).map(to_mib).transpose()?;
    let estimate = match architecture(spec)? {
        Some(architecture) => Some(sizing::estimate(&request(spec, &architecture)?)?),
        None => None,
    };
    let (total_mib, default_headroom) = match (declared_mib, &estimate) {
        (Some(mib), _) => (mib, 0),
        (None, Some(estimate)) => (estimate.per_gpu.mib(), DEFAULT_HEADROOM_PERCENT),
        (None, None) => return Err(NeedError::Undescribed),
    };
    let headroom = placement
        .and_then(|p| p.headroom.as_deref())
        .and_then(|text| text.trim_end_matches('%').parse().ok())
        .unwrap_or(default_headroom);
    let required_mib = total_mib.saturating_add(total_mib.saturating_mul(headroom).div_ceil(100));
    Ok(Need { estimate, total_mib, required_mib, limits: limits(spec)? })
}

/// Changes to the spec that would make it fit into `room_mib`, the mildest first.
pub fn alternatives(spec: &ModelDeploymentSpec, room_mib: u64) -> Vec<Alternative> {
    let Ok(Some(architecture)) = architecture(spec) else {
        return Vec::new();
    };
    let headroom_factor = 100 + DEFAULT_HEADROOM_PERCENT;
    let room = Bytes::from_mib(room_mib.saturating_mul(100) / headroom_factor);
    request(spec, &architecture).map(|request| sizing::alternatives(&request, room)).unwrap_or_default()
}

fn limits(spec: &ModelDeploymentSpec) -> Result<Option<Limits>, NeedError> {
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

fn context(spec: &ModelDeploymentSpec) -> (u32, u32, KvCacheType) {
    let context = spec.context;
    (
        context.and_then(|c| c.max_tokens).unwrap_or(DEFAULT_MAX_TOKENS),
        context.and_then(|c| c.parallel_sequences).unwrap_or(DEFAULT_PARALLEL_SEQUENCES),
        context.and_then(|c| c.kv_cache_type).unwrap_or_default(),
    )
}

/// What is asked of the estimator for this spec and its [`architecture`].
pub fn request<'a>(
    spec: &ModelDeploymentSpec,
    architecture: &'a Architecture,
) -> Result<Request<'a>, NeedError> {
    let (asked, window) = (context(spec).0, architecture.context_window);
    if asked > window {
        return Err(NeedError::BeyondWindow { asked, window });
    }
    let quantization: sizing::Quantization =
        spec.model.quantization.ok_or(NeedError::Undescribed)?.as_str().parse()?;
    let (max_tokens, parallel_sequences, kv_cache_type) = context(spec);
    Ok(Request {
        parallel_sequences,
        kv: format!("{kv_cache_type:?}").parse()?,
        ..Request::new(architecture, quantization, max_tokens)
    })
}

/// The shape to compute from; none where the engine is not ours to size or too little is said.
pub fn architecture(spec: &ModelDeploymentSpec) -> Result<Option<Architecture>, NeedError> {
    if spec.engine.engine_type != EngineType::LlamaCpp {
        return Ok(None);
    }
    let shape = match (&spec.model.preset, &spec.model.architecture) {
        (Some(name), _) => Some(sizing::preset(name)?.architecture.clone()),
        (None, Some(given)) => Some(from_spec(given)),
        (None, None) => None,
    };
    Ok(shape.filter(|_| spec.model.quantization.is_some()))
}

fn from_spec(given: &ArchitectureSpec) -> Architecture {
    Architecture {
        family: match given.family {
            ModelFamily::Llama => Family::Llama,
            ModelFamily::Qwen2 => Family::Qwen2,
            ModelFamily::Qwen3 => Family::Qwen3,
            ModelFamily::Phi3 => Family::Phi3,
        },
        layers: given.layers,
        hidden: given.hidden_size,
        vocab: given.vocab_size,
        attention: Attention::Grouped {
            heads: given.heads,
            kv_heads: given.kv_heads,
            head_dim: given.head_dim.unwrap_or_else(|| given.hidden_size / given.heads.max(1)),
        },
        sliding: None,
        recurrent: None,
        feed_forward: FeedForward::dense(given.feed_forward_size),
        tied_embeddings: given.tied_embeddings,
        context_window: u32::MAX,
        vision: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use flotilla_crds::model_deployment::{ContextSpec, EngineSpec, ModelSpec, PlacementSpec, Quantization};
    use k8s_openapi::apimachinery::pkg::api::resource::Quantity;

    fn llama(preset: &str) -> ModelDeploymentSpec {
        ModelDeploymentSpec {
            model: ModelSpec {
                preset: Some(preset.to_owned()),
                quantization: Some(Quantization::Q4_K_M),
                ..ModelSpec::default()
            },
            engine: EngineSpec::default(),
            context: None,
            placement: None,
            replicas: 1,
            rollout: None,
        }
    }

    #[test]
    fn every_quantization_and_kv_type_of_the_api_has_a_row_in_the_estimator() {
        use KvCacheType::{BF16, F16, Q4_0, Q4_1, Q5_0, Q5_1, Q8_0};
        for quantization in Quantization::ALL {
            assert!(quantization.as_str().parse::<sizing::Quantization>().is_ok(), "{quantization:?}");
        }
        for kv in [F16, BF16, Q8_0, Q5_1, Q5_0, Q4_1, Q4_0] {
            assert!(format!("{kv:?}").parse::<sizing::KvCacheType>().is_ok(), "{kv:?}");
        }
    }

    #[test]
    fn the_flags_match_the_estimate_and_headroom_is_added_once() {
        let mut spec = llama("llama-3.2-3b");
        spec.context =
            Some(ContextSpec { max_tokens: Some(8192), parallel_sequences: Some(2), kv_cache_type: None });
        let need = need(&spec).unwrap();
        assert_eq!(need.limits.unwrap().context_tokens, 16_384);
        let kv = need.estimate.unwrap().kv_cache.mib();
        assert_eq!(kv, 16_384 * 28 * 2 * 8 * 128 * 2 / 1_048_576, "KV bytes of 16384 tokens");
        assert_eq!(need.required_mib, need.total_mib + need.total_mib.div_ceil(20));
    }

    #[test]
    fn a_declared_need_is_taken_as_it_is() {
        let mut spec = llama("llama-3.2-3b");
        spec.placement =
            Some(PlacementSpec { gpu_memory: Some(Quantity("14Gi".to_owned())), ..PlacementSpec::default() });
        let need = need(&spec).unwrap();
        assert_eq!((need.total_mib, need.required_mib), (14_336, 14_336));
    }

    #[test]
    fn an_unknown_preset_names_its_neighbours() {
        let message = need(&llama("llama-3.2-3")).unwrap_err().to_string();
        assert!(message.contains("llama-3.2-3b"), "{message}");
    }

    #[test]
    fn more_context_than_the_model_has_is_refused_with_its_window() {
        let mut spec = llama("phi-3-mini-4k");
        spec.context =
            Some(ContextSpec { max_tokens: Some(8192), parallel_sequences: None, kv_cache_type: None });
        assert!(need(&spec).unwrap_err().to_string().contains("4096"));
    }

    #[test]
    fn alternatives_fit_with_their_headroom() {
        let mut spec = llama("qwen2.5-14b");
        spec.model.quantization = Some(Quantization::F16);
        let options = alternatives(&spec, 24_564);
        assert!(!options.is_empty());
        assert!(options.iter().all(|option| option.per_gpu.mib() * 105 <= 24_564 * 100), "{options:?}");
    }
}
