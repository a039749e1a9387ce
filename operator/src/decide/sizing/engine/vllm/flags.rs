//! The flags that make vLLM keep to an estimate.

use super::super::fraction::Fraction;
use super::super::torch::CUDA_CONTEXT;
use super::{Vllm, releases};
use crate::decide::sizing::{Bytes, Engine, KvCacheType, Request, SizingError, estimate};

/// What vLLM is started with, so that it takes what was estimated on a card of a given size.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VllmFlags {
    /// `--gpu-memory-utilization`: the least that holds all sequences.
    pub gpu_memory_utilization: Fraction,
    /// `--max-model-len`.
    pub max_model_len: u32,
    /// `--max-num-seqs`.
    pub max_num_seqs: u32,
    /// `--max-num-batched-tokens`.
    pub max_num_batched_tokens: u32,
    /// `--block-size`.
    pub block_size: u32,
    /// `--kv-cache-dtype`.
    pub kv_cache_dtype: &'static str,
    /// `--tensor-parallel-size`.
    pub tensor_parallel_size: u32,
    /// `--enforce-eager`.
    pub enforce_eager: bool,
}

impl Vllm {
    /// The flags for cards on which programs see `card` bytes (what the driver reports, not the nominal size).
    ///
    /// # Errors
    /// A request that cannot be estimated, or needs more than such a card has.
    pub fn flags(&self, request: &Request<'_>, card: Bytes) -> Result<VllmFlags, SizingError> {
        let (release, _) = releases::of(self.version);
        let per_gpu = estimate(&Request { engine: Engine::Vllm(*self), ..*request })?.per_gpu;
        let needed = self.parts(request, &release)?.in_fraction(&release)?;
        let gpu_memory_utilization = Fraction::of(needed, card, card.minus(CUDA_CONTEXT))
            .filter(|_| per_gpu <= card)
            .ok_or(SizingError::CardTooSmall { need: per_gpu, card })?;
        Ok(VllmFlags {
            gpu_memory_utilization,
            max_model_len: request.context_tokens,
            max_num_seqs: request.parallel_sequences,
            max_num_batched_tokens: self.batched_tokens.max(request.parallel_sequences),
            block_size: self.block_tokens,
            kv_cache_dtype: if request.kv == KvCacheType::FP8 { "fp8" } else { "auto" },
            tensor_parallel_size: request.gpus,
            enforce_eager: self.eager,
        })
    }
}

impl VllmFlags {
    /// The command line's arguments.
    pub fn args(&self) -> Vec<String> {
        let mut args = vec![
            format!("--gpu-memory-utilization={}", self.gpu_memory_utilization),
            format!("--max-model-len={}", self.max_model_len),
            format!("--max-num-seqs={}", self.max_num_seqs),
            format!("--max-num-batched-tokens={}", self.max_num_batched_tokens),
            format!("--block-size={}", self.block_size),
            format!("--kv-cache-dtype={}", self.kv_cache_dtype),
            format!("--tensor-parallel-size={}", self.tensor_parallel_size),
        ];
        if self.enforce_eager {
            args.push("--enforce-eager".to_owned());
        }
        args
    }
}
