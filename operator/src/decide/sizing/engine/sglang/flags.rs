//! The flags that make SGLang keep to an estimate.

use super::super::fraction::Fraction;
use super::super::torch::CUDA_CONTEXT;
use super::Sglang;
use crate::decide::sizing::{Bytes, Engine, KvCacheType, Request, SizingError, estimate};

/// What SGLang is started with, so that it takes what was estimated on a card of a given size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SglangFlags {
    /// `--mem-fraction-static`: of what is free before the model is loaded.
    pub mem_fraction_static: Fraction,
    /// `--context-length`.
    pub context_length: u32,
    /// `--max-running-requests`.
    pub max_running_requests: u32,
    /// `--max-total-tokens`: the KV cache holds no more, whatever the fraction leaves.
    pub max_total_tokens: u64,
    /// `--chunked-prefill-size`.
    pub chunked_prefill_size: u32,
    /// `--cuda-graph-max-bs`.
    pub cuda_graph_max_bs: u32,
    /// `--kv-cache-dtype`.
    pub kv_cache_dtype: &'static str,
    /// `--tp-size`.
    pub tp_size: u32,
    /// `--disable-hybrid-swa-memory`: sliding layers share the pool of the others.
    pub disable_hybrid_swa_memory: bool,
    /// `--max-mamba-cache-size`: states that are kept, for models that have some.
    pub max_mamba_cache_size: Option<u32>,
}

impl Sglang {
    /// The flags for cards on which programs see `card` bytes (what the driver reports, not the nominal size).
    ///
    /// # Errors
    /// A request that cannot be estimated, or needs more than such a card has.
    pub fn flags(&self, request: &Request<'_>, card: Bytes) -> Result<SglangFlags, SizingError> {
        let per_gpu = estimate(&Request { engine: Engine::Sglang(*self), ..*request })?.per_gpu;
        let needed = self.parts(request)?.in_fraction()?;
        let free = card.minus(CUDA_CONTEXT);
        let mem_fraction_static = Fraction::of(needed, free, free)
            .filter(|_| per_gpu <= card)
            .ok_or(SizingError::CardTooSmall { need: per_gpu, card })?;
        Ok(SglangFlags {
            mem_fraction_static,
            context_length: request.context_tokens,
            max_running_requests: request.parallel_sequences,
            max_total_tokens: u64::from(request.context_tokens) * u64::from(request.parallel_sequences),
            chunked_prefill_size: self.chunk_tokens,
            cuda_graph_max_bs: self.graph_sequences(request),
            kv_cache_dtype: if request.kv == KvCacheType::FP8 { "fp8_e4m3" } else { "auto" },
            tp_size: request.gpus,
            disable_hybrid_swa_memory: request.architecture.sliding.is_some(),
            max_mamba_cache_size: request.architecture.recurrent.as_ref().map(|_| request.parallel_sequences),
        })
    }
}

impl SglangFlags {
    /// The command line's arguments.
    pub fn args(&self) -> Vec<String> {
        let mut args = vec![
            format!("--mem-fraction-static={}", self.mem_fraction_static),
            format!("--context-length={}", self.context_length),
            format!("--max-running-requests={}", self.max_running_requests),
            format!("--max-total-tokens={}", self.max_total_tokens),
            format!("--chunked-prefill-size={}", self.chunked_prefill_size),
            format!("--cuda-graph-max-bs={}", self.cuda_graph_max_bs),
            format!("--kv-cache-dtype={}", self.kv_cache_dtype),
            format!("--tp-size={}", self.tp_size),
        ];
        if self.disable_hybrid_swa_memory {
            args.push("--disable-hybrid-swa-memory".to_owned());
        }
        args.extend(self.max_mamba_cache_size.map(|size| format!("--max-mamba-cache-size={size}")));
        args
    }
}
