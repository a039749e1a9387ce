//! What an estimate rests on.

use std::fmt;

use super::EngineVersion;

/// Something that an estimate takes for granted.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Assumption {
    /// The plain rule was used, for want of a better one.
    UnknownFamily {
        /// Added to the sum of the terms for that.
        percent: u64,
    },
    /// The table of releases does not reach so far.
    EngineVersion {
        /// The engine.
        engine: &'static str,
        /// The release that was asked for.
        version: EngineVersion,
    },
    /// The vision tower is loaded, in 16-bit floats.
    VisionTower,
    /// Layers are dealt out evenly.
    SplitByLayer {
        /// How many GPUs share the layers.
        gpus: u32,
    },
}

impl fmt::Display for Assumption {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::EngineVersion { engine, version } => {
                write!(
                    f,
                    "{engine} {version} was not compared with the rules, which are those of the nearest release"
                )
            }
            Self::UnknownFamily { percent } => write!(
                f,
                "the model's architecture has no rule of its own: it is taken for a plain transformer, with \
                 {percent} % on top"
            ),
            Self::VisionTower => f.write_str(
                "the vision tower is loaded beside the model in 16-bit floats (--mmproj); what it works in while \
                 it reads an image is not counted",
            ),
            Self::SplitByLayer { gpus } => write!(
                f,
                "layers are split evenly over {gpus} GPUs (--split-mode layer); the figure per GPU is that of \
                 the fullest"
            ),
        }
    }
}
