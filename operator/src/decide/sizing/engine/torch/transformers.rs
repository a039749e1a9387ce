//! Hugging Face's transformers library: a view of published measurements, not an engine of Flotilla.
//!
//! One sequence, keys and values grown token by token, the peak that PyTorch's allocator saw
//! (`torch.cuda.max_memory_allocated`): no CUDA context, no library's own memory.

use super::{KvWidth, activations, allocated};
use crate::decide::sizing::checkpoint::{self, Format, Split};
use crate::decide::sizing::{Architecture, Bytes, KvCacheType, SizingError};

const TERM: &str = "the peak";
/// PyTorch's workspace for cuBLAS on cards before Hopper: 2 x 4 MiB and 8 x 16 KiB.
const CUBLAS: Bytes = Bytes::new((2 << 22) + (8 << 14));
/// Sampling sorts 32-bit logits of one token: see vLLM's sampler of the same operations.
const BYTES_PER_LOGIT: u64 = 38;

/// One generation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Generation {
    /// Tokens of the prompt, one pass.
    pub input: u32,
    /// Tokens that are generated.
    pub output: u32,
    /// GPUs that layers are dealt to (`device_map="auto"`); memory is the sum over them.
    pub gpus: u32,
}

/// The peak of one generation.
///
/// # Errors
/// A sum beyond 64 bits.
pub fn transformers_peak(
    a: &Architecture,
    format: Format,
    generation: &Generation,
) -> Result<Bytes, SizingError> {
    a.validate()?;
    let (input, output) = (u64::from(generation.input), u64::from(generation.output));
    let whole = Split { gpus: 1, fused: false };
    let weights = checkpoint::sum(a, format, whole, allocated)?;
    let scratch = Bytes::product(&[scratch_values(a, format), 2], TERM)?;
    let sampling = Bytes::product(&[a.vocab.into(), BYTES_PER_LOGIT], TERM)?;
    let fixed =
        [scratch, sampling, CUBLAS].into_iter().try_fold(weights, |sum, part| sum.plus(part, TERM))?;
    let width = KvWidth::new(a, KvCacheType::F16, 1, "transformers")?.bytes_per_token();
    let kv = |tokens: u64| Bytes::product(&[width, a.layers.into(), tokens], TERM);
    // Layers run one after the other, but each GPU's allocator remembers its own peak.
    let pass = activations(a, input, format.activation_bytes(), 1)?;
    let passes = Bytes::product(&[pass.get(), generation.gpus.into()], TERM)?;
    let prompt = fixed.plus(kv(input)?, TERM)?.plus(passes, TERM)?;
    let generated = fixed.plus(kv(input.saturating_add(output))?, TERM)?;
    Ok(prompt.max(generated).max(loading(a, format, weights)?))
}

/// `AutoAWQ` makes an output projection of its own before it ties it to the embedding.
fn loading(a: &Architecture, format: Format, weights: Bytes) -> Result<Bytes, SizingError> {
    match format {
        Format::Awq(_) if a.tied_embeddings => {
            weights.plus(Bytes::product(&[a.vocab.into(), a.hidden.into(), 2], TERM)?, TERM)
        }
        _ => Ok(weights),
    }
}

/// `ExLlama`'s kernels for 4-bit GPTQ unpack the largest matrix for long inputs, into a buffer they keep.
fn scratch_values(a: &Architecture, format: Format) -> u64 {
    match format {
        Format::Gptq(groups) if groups.bits == 4 => u64::from(a.hidden) * u64::from(a.feed_forward.size),
        _ => 0,
    }
}
