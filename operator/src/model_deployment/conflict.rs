//! What a spec says of its model against what the model file says.

use crate::model_file;
use std::fmt;

/// In percent. Weights may differ by this much before it is said: importance matrices and fall-back types of newer
/// quantizers move a file by one or two percent.
const WEIGHTS_PERCENT: u64 = 3;
/// Added where the file's weights are told by its length, which counts the tokenizer too.
const METADATA_MIB: u64 = 16;

/// One thing that the two disagree about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Conflict {
    /// A dimension, or the quantization.
    Described(model_file::Conflict),
    /// The size of the weights, in MiB.
    Weights {
        /// Of the model that the spec describes.
        spec: u64,
        /// Of the file.
        file: u64,
    },
}

impl fmt::Display for Conflict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Described(conflict) => conflict.fmt(f),
            Self::Weights { spec, file } => {
                write!(
                    f,
                    "the model that the spec describes has {spec} MiB of weights; the file has {file} MiB"
                )
            }
        }
    }
}

/// Whether the weights that the spec leads to and those of the file, in MiB, are too far apart. `exact` says whether
/// the latter are the sum of the file's tensors.
pub fn weights(spec: u64, file: u64, exact: bool) -> Option<Conflict> {
    let allowed = spec.max(file).saturating_mul(WEIGHTS_PERCENT) / 100 + if exact { 1 } else { METADATA_MIB };
    (spec.abs_diff(file) > allowed).then_some(Conflict::Weights { spec, file })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_may_differ_by_three_percent() {
        assert_eq!(weights(1000, 1030, true), None);
        assert_eq!(weights(1000, 1040, false), None, "its metadata counts, too");
        assert_eq!(weights(1000, 1040, true), Some(Conflict::Weights { spec: 1000, file: 1040 }));
        assert!(weights(1000, 200, false).is_some());
        assert!(weights(1, u64::MAX, true).is_some());
    }
}
