//! What a reader should know about figures that were learned from a file.

use std::fmt;

/// An assumption that was made while reading a file.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The file's architecture has no rule of its own.
    UnknownArchitecture {
        /// The name in the file.
        name: String,
    },
    /// Reading stopped before the list of tensors, and the file's length stands for their sizes.
    WeightsFromLength,
    /// The quantization was told by the size of the weights.
    QuantizationFromSize,
    /// The quantization was told by the file's name.
    QuantizationFromName,
    /// Whether the output projection is the token embedding was told by the habit of the model's family.
    TiedByHabit {
        /// What was assumed.
        tied: bool,
    },
    /// Layers differ, and the one that keeps the most stands for all.
    VariesByLayer {
        /// The key that differs.
        key: String,
    },
    /// The file is from before llama.cpp kept latent attention compressed: whole keys and values are kept.
    LatentAttentionExpanded,
    /// The file is one of several, which have to be read together.
    Split {
        /// How many files there are, where the file says so.
        files: Option<u32>,
    },
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownArchitecture { name } => {
                write!(f, "architecture {name:?} is unknown; sized by the rule of a plain transformer")
            }
            Self::WeightsFromLength => {
                f.write_str("weights are the file's length, metadata of a few MiB included")
            }
            Self::QuantizationFromSize => f.write_str("quantization told by the size of the weights"),
            Self::QuantizationFromName => f.write_str("quantization told by the file's name"),
            Self::TiedByHabit { tied: true } => {
                f.write_str("assumed that the output projection is the token embedding, as in its family")
            }
            Self::TiedByHabit { tied: false } => {
                f.write_str("assumed that the output projection is a matrix of its own, as in its family")
            }
            Self::VariesByLayer { key } => {
                write!(f, "{key} differs between layers; the largest counts for all")
            }
            Self::LatentAttentionExpanded => f.write_str(
                "the file is from before llama.cpp compressed the KV cache of latent attention; a newer \
                 conversion needs far less",
            ),
            Self::Split { files: Some(files) } => write!(f, "the model is split over {files} files"),
            Self::Split { files: None } => f.write_str("the model is split over several files"),
        }
    }
}
