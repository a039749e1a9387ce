//! From a request to an estimate.

use super::architecture::within;
use super::compute::{self, Pass};
use super::{Architecture, Bytes, KvCacheType, Logits, Quantization, SizingError, kv, runtime, tensors};

/// llama.cpp's default for `--ubatch-size`.
pub const DEFAULT_UBATCH_TOKENS: u32 = 512;
/// llama.cpp rounds the context of each sequence up to a multiple of this.
const CONTEXT_STEP: u32 = 256;
/// llama.cpp's `LLAMA_MAX_SEQ`: it refuses to start with more.
const MAX_SEQUENCES: u32 = 256;
/// `-c` is a signed 32-bit number.
const MAX_CONTEXT_TOKENS: u32 = i32::MAX.unsigned_abs();

/// One llama.cpp replica on one GPU, all layers on it, with flash attention.
#[derive(Clone, Copy, Debug)]
pub struct Request<'a> {
    /// The model's dimensions.
    pub architecture: &'a Architecture,
    /// How its weights are stored.
    pub quantization: Quantization,
    /// Tokens of each sequence, prompt and answer together.
    pub context_tokens: u32,
    /// Sequences served at a time (`--parallel`).
    pub parallel_sequences: u32,
    /// How keys and values are stored.
    pub kv: KvCacheType,
    /// Tokens in one forward pass (`--ubatch-size`).
    pub ubatch_tokens: u32,
    /// What the engine's version reserves logits for.
    pub logits: Logits,
}

impl<'a> Request<'a> {
    /// One sequence, 16-bit KV cache, a current engine with its default batch.
    pub const fn new(
        architecture: &'a Architecture,
        quantization: Quantization,
        context_tokens: u32,
    ) -> Self {
        Self {
            architecture,
            quantization,
            context_tokens,
            parallel_sequences: 1,
            kv: KvCacheType::F16,
            ubatch_tokens: DEFAULT_UBATCH_TOKENS,
            logits: Logits::PerSequence,
        }
    }

    /// Tokens of one sequence as llama.cpp allocates them.
    fn sequence_cells(&self) -> Result<u32, SizingError> {
        self.context_tokens.checked_next_multiple_of(CONTEXT_STEP).ok_or_else(|| self.too_long())
    }

    /// The engine's `-c`: the tokens of all sequences. An engine started with it and with
    /// `--parallel` equal to `parallel_sequences` allocates exactly the estimated KV cache.
    pub fn engine_context_tokens(&self) -> Result<u32, SizingError> {
        self.sequence_cells()?
            .checked_mul(self.parallel_sequences)
            .filter(|tokens| *tokens <= MAX_CONTEXT_TOKENS)
            .ok_or_else(|| self.too_long())
    }

    fn too_long(&self) -> SizingError {
        SizingError::ContextTooLong {
            context_tokens: self.context_tokens,
            parallel_sequences: self.parallel_sequences,
            limit: MAX_CONTEXT_TOKENS,
        }
    }

    fn validate(&self) -> Result<(), SizingError> {
        self.architecture.validate()?;
        let counts = [
            ("maxTokens", self.context_tokens, u32::MAX),
            ("parallelSequences", self.parallel_sequences, MAX_SEQUENCES),
            ("ubatchTokens", self.ubatch_tokens, u32::MAX),
        ];
        counts.into_iter().try_for_each(|(field, value, limit)| within(field, value, limit))
    }

    /// The pass that the compute buffers are reserved for.
    pub(super) fn pass(&self) -> Result<Pass, SizingError> {
        let cells = self.engine_context_tokens()?;
        Ok(Pass {
            tokens: self.ubatch_tokens.min(cells).into(),
            sequences: self.parallel_sequences.into(),
            sequence_cells: self.sequence_cells()?.into(),
            kv: self.kv,
            logits: self.logits,
        })
    }
}

/// The memory one replica needs on its GPU.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The model's tensors.
    pub weights: Bytes,
    /// Keys and values of all sequences, full.
    pub kv_cache: Bytes,
    /// Working memory of a forward pass.
    pub compute: Bytes,
    /// What the engine takes before it loads anything.
    pub runtime: Bytes,
    total: Bytes,
}

impl Estimate {
    /// The sum of all terms.
    pub const fn total(&self) -> Bytes {
        self.total
    }

    /// Every term with its name in the API.
    pub const fn terms(&self) -> [(&'static str, Bytes); 4] {
        [
            ("weights", self.weights),
            ("kvCache", self.kv_cache),
            ("compute", self.compute),
            ("runtime", self.runtime),
        ]
    }
}

/// Estimates the need of one replica.
///
/// # Errors
/// A dimension that no model has, a KV cache type or quantization that the dimensions do not allow, or a sum
/// beyond 64 bits.
pub fn estimate(request: &Request<'_>) -> Result<Estimate, SizingError> {
    request.validate()?;
    let pass = request.pass()?;
    let weights = tensors::weights(request.architecture, request.quantization)?;
    let kv_cache = kv::kv_cache(request.architecture, request.kv, request.engine_context_tokens()?.into())?;
    let compute = compute::compute(request.architecture, &pass)?;
    let runtime = runtime::LLAMA_CPP;
    let total =
        weights.plus(kv_cache, "all terms")?.plus(compute, "all terms")?.plus(runtime, "all terms")?;
    Ok(Estimate { weights, kv_cache, compute, runtime, total })
}
