//! Why a need cannot be computed.

use super::checkpoint::Format;
use super::{Bytes, KvCacheType, Quantization};

/// What is wrong with a request, in words that say what to change.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SizingError {
    /// A dimension or a count is zero.
    #[error("{field} is 0; it must be at least 1")]
    Zero {
        /// The field's name in the API.
        field: &'static str,
    },
    /// A dimension is larger than any model's, or a count than the engine takes.
    #[error("{field} is {value}; it must be at most {limit}")]
    TooLarge {
        /// The field's name in the API.
        field: &'static str,
        /// What was given.
        value: u32,
        /// The largest value that is accepted.
        limit: u32,
    },
    /// Query heads cannot be shared evenly between KV heads.
    #[error("heads is {heads}, which is not a multiple of kvHeads ({kv_heads})")]
    UnevenHeads {
        /// Query heads.
        heads: u32,
        /// KV heads.
        kv_heads: u32,
    },
    /// The KV cache type's block does not divide a head.
    #[error(
        "KV cache type {kv} stores blocks of {block} values, which do not divide headDim {head_dim}; use F16"
    )]
    KvBlock {
        /// The KV cache type.
        kv: KvCacheType,
        /// Values in one of its blocks.
        block: u64,
        /// The model's head size.
        head_dim: u64,
    },
    /// The engine cannot store keys and values that way.
    #[error("{engine} has no KV cache type {kv}; use F16")]
    KvOfOtherEngine {
        /// The KV cache type.
        kv: KvCacheType,
        /// The engine.
        engine: &'static str,
    },
    /// The engine does not load files of that kind.
    #[error(
        "{engine} does not load GGUF files ({quantization}); use a checkpoint (safetensors), or LlamaCpp"
    )]
    WeightsOfOtherEngine {
        /// The quantization.
        quantization: Quantization,
        /// The engine.
        engine: &'static str,
    },
    /// llama.cpp loads no checkpoints.
    #[error("llama.cpp does not load checkpoints ({format}); use a GGUF file, or vLLM or SGLang")]
    CheckpointInLlamaCpp {
        /// The checkpoint's format.
        format: Format,
    },
    /// A card has less than is needed.
    #[error("{need} are needed on each GPU, and a card has {card}")]
    CardTooSmall {
        /// The need of the fullest GPU.
        need: Bytes,
        /// What programs see of a card.
        card: Bytes,
    },
    /// Unfused attention cannot read blocks.
    #[error("KV cache type {kv} needs flash attention; turn it on, or use F16")]
    KvNeedsFlashAttention {
        /// The KV cache type.
        kv: KvCacheType,
    },
    /// llama.cpp has no block format for a tensor of this shape.
    #[error("{quantization} cannot store rows of {row} values (not a multiple of {block}); use F16")]
    Row {
        /// The quantization.
        quantization: Quantization,
        /// Values in one row of the tensor.
        row: u64,
        /// Values in one block.
        block: u64,
    },
    /// Context and slots together are more tokens than the engine can be asked for.
    #[error(
        "maxTokens {context_tokens} times parallelSequences {parallel_sequences} is more than {limit} tokens; \
         lower one of them"
    )]
    ContextTooLong {
        /// Tokens for each sequence.
        context_tokens: u32,
        /// Sequences at a time.
        parallel_sequences: u32,
        /// The most that llama.cpp's `-c` takes.
        limit: u32,
    },
    /// A sum or product left the range of 64 bits.
    #[error("the memory for {term} does not fit in 64 bits; check the architecture's dimensions")]
    Overflow {
        /// The term that overflowed.
        term: &'static str,
    },
}
