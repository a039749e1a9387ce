//! What an estimate is asked for.

use super::{Adapter, Architecture, Engine, KvCacheType, LlamaCpp, Weights};

/// One replica of an engine.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The model's dimensions.
    pub architecture: &'a Architecture,
    /// How its weights are stored.
    pub weights: Weights,
    /// Tokens of each sequence, prompt and answer together.
    pub context_tokens: u32,
    /// Sequences served at a time.
    pub parallel_sequences: u32,
    /// How keys and values are stored.
    pub kv: KvCacheType,
    /// What serves the model.
    pub engine: Engine,
    /// GPUs that share the model.
    pub gpus: u32,
    /// LoRA adapters loaded beside it.
    pub adapters: &'a [Adapter],
}

impl<'a> Request<'a> {
    /// One sequence, a 16-bit KV cache, a current llama.cpp with its defaults on one GPU, no adapters.
    pub fn new(architecture: &'a Architecture, weights: impl Into<Weights>, context_tokens: u32) -> Self {
        Self {
            architecture,
            weights: weights.into(),
            context_tokens,
            parallel_sequences: 1,
            kv: KvCacheType::F16,
            engine: Engine::LlamaCpp(LlamaCpp::default()),
            gpus: 1,
            adapters: &[],
        }
    }
}
