//! What a reader of a config.json should know.

use std::fmt;

/// What was taken for granted where a config.json says nothing, or says what the estimate leaves out.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Note {
    /// The architecture class is not in the table: the plain rule is used.
    UnknownArchitecture {
        /// The class, as the config names it.
        class: String,
    },
    /// No data type is given.
    AssumedBf16,
    /// Layers that predict further tokens are in the checkpoint, but no engine loads them unless asked.
    PredictionLayers {
        /// How many.
        count: u32,
    },
    /// The vision tower's size could not be computed.
    VisionUnknown,
    /// Per-module exceptions of a quantization are not read.
    DynamicQuantization,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::UnknownArchitecture { class } => {
                write!(f, "architecture {class} is not known: it is taken for a plain transformer")
            }
            Self::AssumedBf16 => write!(f, "config.json gives no data type: bfloat16 is assumed"),
            Self::PredictionLayers { count } => write!(
                f,
                "{count} layers for multi-token prediction are left out: engines load them only for speculation"
            ),
            Self::VisionUnknown => {
                write!(f, "config.json does not give the size of its vision part: it is left out")
            }
            Self::DynamicQuantization => {
                write!(f, "quantization_config has rules for single modules, which are not read")
            }
        }
    }
}
