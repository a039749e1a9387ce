//! What was declared, against what a file says.

use super::guess;
use super::{ModelFile, Note};
use crate::decide::sizing::{Architecture, Attention, Bytes, Quantization};

/// Weights that differ by more are of another file.
const WEIGHTS_PERCENT: u64 = 5;

/// What somebody says about a model.
#[derive(Clone, Copy, Debug, Default)]
pub struct Declared<'a> {
    /// Its dimensions.
    pub architecture: Option<&'a Architecture>,
    /// Its quantization.
    pub quantization: Option<Quantization>,
}

/// A difference between what was declared and what the file says.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Conflict {
    /// A dimension.
    #[error("{field} is {declared}; the file says {found}")]
    Dimension {
        /// The field's name in `spec.model.architecture`.
        field: &'static str,
        /// What was declared.
        declared: u64,
        /// What the file says.
        found: u64,
    },
    /// The quantization, which the file states.
    #[error("quantization is {declared}; the file says {found}")]
    Quantization {
        /// What was declared.
        declared: Quantization,
        /// What the file says.
        found: Quantization,
    },
    /// The size of the weights in the declared quantization.
    #[error("quantization is {declared}, of which the weights take {expected}; the file has {found}")]
    Weights {
        /// The quantization that was declared.
        declared: Quantization,
        /// The weights of the model in that quantization.
        expected: Bytes,
        /// The weights in the file.
        found: Bytes,
    },
}

/// Every difference between `declared` and `file`, dimensions first. What the file does not say is no conflict.
pub fn conflicts(declared: &Declared<'_>, file: &ModelFile) -> Vec<Conflict> {
    let mut conflicts = Vec::new();
    if let (Some(declared), Some(found)) = (declared.architecture, &file.architecture) {
        conflicts.extend(dimensions(declared, found));
    }
    if let Some(declared) = declared.quantization {
        conflicts.extend(quantization(declared, file));
    }
    conflicts
}

fn dimensions(declared: &Architecture, found: &Architecture) -> impl Iterator<Item = Conflict> {
    let number = |field, declared: u32, found: u32| (field, u64::from(declared), u64::from(found));
    let experts =
        |architecture: &Architecture| architecture.feed_forward.experts.map_or(0, |experts| experts.count);
    let mut pairs = vec![
        number("layers", declared.layers, found.layers),
        number("hidden", declared.hidden, found.hidden),
        number("ffn", declared.feed_forward.size, found.feed_forward.size),
        number("heads", declared.attention.heads(), found.attention.heads()),
        number("vocab", declared.vocab, found.vocab),
        number("experts", experts(declared), experts(found)),
        // A shorter window than the model was trained for is a choice.
        number("contextWindow", declared.context_window.max(found.context_window), found.context_window),
    ];
    if let (
        Attention::Grouped { kv_heads, head_dim, .. },
        Attention::Grouped { kv_heads: found_kv_heads, head_dim: found_head_dim, .. },
    ) = (declared.attention, found.attention)
    {
        pairs.push(number("kvHeads", kv_heads, found_kv_heads));
        pairs.push(number("headDim", head_dim, found_head_dim));
    }
    let differing = pairs.into_iter().filter(|(_, declared, found)| declared != found);
    differing.map(|(field, declared, found)| Conflict::Dimension { field, declared, found })
}

fn quantization(declared: Quantization, file: &ModelFile) -> Option<Conflict> {
    let found = file.quantization?;
    let guessed = [Note::QuantizationFromSize, Note::QuantizationFromName];
    if found == declared {
        return None;
    }
    if !file.notes.iter().any(|note| guessed.contains(note)) {
        return Some(Conflict::Quantization { declared, found });
    }
    // A quantization that was told by size may be one of about that size.
    let (architecture, weights) = (file.architecture.as_ref()?, file.weights?);
    let expected = guess::weights(architecture, declared, true)?;
    let difference = expected.get().abs_diff(weights.bytes.get());
    let limit = expected.get() / 100 * WEIGHTS_PERCENT;
    (difference > limit).then_some(Conflict::Weights { declared, expected, found: weights.bytes })
}
