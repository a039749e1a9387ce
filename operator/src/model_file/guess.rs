//! Telling quantization and tied embeddings of a file whose list of tensors was not read.

use crate::decide::sizing::Engine;
use crate::decide::sizing::{Architecture, Bytes, LlamaCpp, Quantization, Request, Weights, estimate};

/// A token takes about 40 bytes of metadata: its text, score and type, and its merges. Measured: 36 (SmolLM2) to
/// 61 (Llama 3).
const METADATA_PER_TOKEN: u64 = 40;
/// Predicted and real weights differ by less, where the quantization is the right one.
const TOLERANCE: f64 = 0.03;
/// Predictions this near are as good as each other; the file's name decides between them.
const CLOSE: f64 = 0.02;
/// Models up to this width share their embedding, with few exceptions.
const TIED_BELOW: u32 = 3072;

/// What a file's length tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Guess {
    pub(super) quantization: Quantization,
    pub(super) tied: bool,
}

/// The quantization, and whether embeddings are tied, whose predicted size is nearest to `length`: what the file
/// has after the part of its metadata that was read.
pub(super) fn by_length(
    architecture: &Architecture,
    length: u64,
    stated: Option<Quantization>,
    named: Option<Quantization>,
) -> Option<Guess> {
    // The rule for unknown architectures does not list their tensors.
    if !architecture.family.is_known() {
        return None;
    }
    let metadata = METADATA_PER_TOKEN.saturating_mul(architecture.vocab.into());
    let length = length.saturating_sub(metadata).max(1) as f64;
    let quantizations = stated.as_ref().map_or(Quantization::ALL, std::slice::from_ref);
    let all = quantizations
        .iter()
        .flat_map(|quantization| [true, false].map(|tied| Guess { quantization: *quantization, tied }));
    let near: Vec<_> = all
        .filter_map(|guess| {
            let architecture = Architecture { tied_embeddings: guess.tied, ..architecture.clone() };
            let predicted = weights(&architecture, guess.quantization, true)?.get() as f64;
            Some((guess, (predicted / length - 1.0).abs()))
        })
        .filter(|(_, error)| *error <= TOLERANCE)
        .collect();
    let nearest =
        |near: &mut dyn Iterator<Item = &(Guess, f64)>| near.min_by(|a, b| a.1.total_cmp(&b.1)).copied();
    let named = nearest(
        &mut near.iter().filter(|(guess, error)| Some(guess.quantization) == named && *error <= CLOSE),
    );
    named.or_else(|| nearest(&mut near.iter())).map(|(guess, _)| guess)
}

/// What llama.cpp leaves in host memory; `None` if it cannot be said.
pub(super) fn host_bytes(architecture: &Architecture, quantization: Quantization) -> Option<Bytes> {
    let all = weights(architecture, quantization, true)?.get();
    let on_gpus = weights(architecture, quantization, false)?.get();
    all.checked_sub(on_gpus).map(Bytes::new)
}

/// The weights of a model in a GGUF file, with or without what stays in host memory.
pub(super) fn weights(
    architecture: &Architecture,
    quantization: Quantization,
    host_memory: bool,
) -> Option<Bytes> {
    let engine = Engine::LlamaCpp(LlamaCpp { host_memory, ..LlamaCpp::default() });
    let request = Request { engine, ..Request::new(architecture, Weights::Gguf(quantization), 256) };
    estimate(&request).ok().map(|estimate| estimate.weights)
}

/// Whether models of this width share their embedding by habit.
pub(super) const fn habitually_tied(architecture: &Architecture) -> bool {
    architecture.hidden < TIED_BELOW
}

/// The quantization in a file's name, such as `model-Q4_K_M.gguf`: the last part that is the name of one.
pub(super) fn quantization_in(name: &str) -> Option<Quantization> {
    let parts = name.rsplit(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    parts.filter(|part| !part.is_empty()).find_map(|part| part.parse().ok())
}
