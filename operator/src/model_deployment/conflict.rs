//! What a spec says of its model against what the model file says.

use crate::decide::sizing::{Architecture, Attention, Quantization};
use crate::model_file::FileWeights;
use std::fmt;

/// Weights may differ by this much before it is said: importance matrices and fall-back types of newer quantizers
/// move a file by one or two percent.
const WEIGHTS_PERCENT: u64 = 3;
/// Added where the file's weights are told by its length, which counts the tokenizer too.
const METADATA_MIB: u64 = 16;

/// One thing that the two disagree about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Conflict {
    /// What it is about.
    what: &'static str,
    /// As the spec has it.
    spec: String,
    /// As the file has it.
    file: String,
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { what, spec, file } = self;
        write!(f, "{what} is {spec} in the spec and {file} in the file")
    }
}

/// A conflict if the two are not the same.
fn compare<T: PartialEq + fmt::Display>(what: &'static str, spec: &T, file: &T) -> Option<Conflict> {
    (spec != file).then(|| Conflict { what, spec: spec.to_string(), file: file.to_string() })
}

/// Where the shapes differ.
pub fn shapes(spec: &Architecture, file: &Architecture) -> Vec<Conflict> {
    let heads = |shape: &Architecture| match shape.attention {
        Attention::Grouped { heads, kv_heads, head_dim } => {
            format!("{heads} heads, {kv_heads} of keys and values, of size {head_dim}")
        }
        Attention::Latent { heads, kv_rank, rope_dim, .. } => {
            format!("{heads} heads on a latent of {kv_rank} + {rope_dim}")
        }
    };
    let window = |shape: &Architecture| {
        shape.sliding.as_ref().map_or_else(|| "none".to_owned(), |sliding| sliding.window.to_string())
    };
    let experts =
        |shape: &Architecture| shape.feed_forward.experts.map_or(0, |experts| experts.count);
    [
        compare("the number of layers", &spec.layers, &file.layers),
        compare("the hidden size", &spec.hidden, &file.hidden),
        compare("the vocabulary", &spec.vocab, &file.vocab),
        compare("the attention", &heads(spec), &heads(file)),
        compare("the feed-forward size", &spec.feed_forward.size, &file.feed_forward.size),
        compare("the number of experts", &experts(spec), &experts(file)),
        compare("the sliding window", &window(spec), &window(file)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// Whether the quantizations differ.
pub fn quantizations(spec: Quantization, file: Quantization) -> Option<Conflict> {
    compare("the quantization", &spec.to_string(), &file.to_string())
}

/// Whether the weights that the spec leads to and those of the file are too far apart.
pub fn weights(spec_mib: u64, file: &FileWeights) -> Option<Conflict> {
    let file_mib = file.bytes.mib();
    let allowed = spec_mib.max(file_mib) * WEIGHTS_PERCENT / 100 + if file.exact { 1 } else { METADATA_MIB };
    let text = |mib: u64| format!("{mib} MiB");
    (spec_mib.abs_diff(file_mib) > allowed).then(|| Conflict {
        what: "the size of the weights",
        spec: text(spec_mib),
        file: text(file_mib),
    })
}
