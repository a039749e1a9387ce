//! The peak of vLLM's profile run.
//!
//! vLLM runs the model on `--max-num-batched-tokens` made-up tokens, samples a token for `--max-num-seqs`
//! sequences, and keeps the peak free (`profile_run` in vllm/v1/worker/gpu_model_runner.py). Either the widest
//! layer decides or the sampler.

use super::super::torch::activations;
use super::releases::{Release, Sampler};
use crate::decide::sizing::{Architecture, Bytes, SizingError};

const TERM: &str = "activations";
/// `PyTorch`'s workspace for cuBLAS on Hopper (8 MiB on older cards); its allocator hands it out.
const CUBLAS: Bytes = Bytes::from_mib(32);
/// Programs of the threshold kernel, each with a row of logits: as many as a large GPU has multiprocessors.
const PROGRAMS: u64 = 132;

/// The profile run.
pub(super) struct Profile {
    pub(super) tokens: u64,
    pub(super) sequences: u64,
    /// Bytes of an activation.
    pub(super) width: u64,
    pub(super) gpus: u64,
}

/// Peak of the profile run on one GPU.
pub(super) fn peak(a: &Architecture, run: &Profile, release: &Release) -> Result<Bytes, SizingError> {
    let pass = activations(a, run.tokens, run.width, run.gpus)?;
    pass.max(sampler(a, run, release.sampler)?).plus(CUBLAS, TERM)
}

/// Logits of every sequence and what sampling makes of them, beside the pass's output. Every GPU gathers the
/// whole vocabulary.
fn sampler(a: &Architecture, run: &Profile, sampler: Sampler) -> Result<Bytes, SizingError> {
    let vocab = u64::from(a.vocab);
    let per_logit = run.width + sampler.bytes_per_logit();
    let logits = Bytes::product(&[vocab, run.sequences, per_logit], TERM)?;
    let rows = match sampler {
        Sampler::Sort => 0,
        Sampler::Threshold => PROGRAMS.min(run.sequences),
    };
    let kernel = Bytes::product(&[vocab, rows, 4], TERM)?;
    let hidden = run.tokens.checked_add(run.sequences).ok_or(SizingError::Overflow { term: TERM })?;
    let hidden = Bytes::product(&[a.hidden.into(), hidden, run.width], TERM)?;
    logits.plus(kernel, TERM)?.plus(hidden, TERM)
}
