//! The models that are known by name.

use super::{Architecture, Attention, Family, FeedForward};
use crate::decide::nearest;

/// A model known by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name in `spec.model.preset`.
    pub name: &'static str,
    /// The model's dimensions.
    pub architecture: Architecture,
}

macro_rules! preset_table {
    ($($name:literal $family:ident $layers:literal $hidden:literal $ffn:literal $heads:literal $kv_heads:literal
       $head_dim:literal $vocab:literal $tied_embeddings:literal $context_window:literal;)+) => {
        static PRESETS: &[Preset] = &[$(Preset {
            name: $name,
            architecture: Architecture {
                family: Family::$family,
                layers: $layers,
                hidden: $hidden,
                vocab: $vocab,
                attention: Attention::Grouped { heads: $heads, kv_heads: $kv_heads, head_dim: $head_dim },
                sliding: None,
                recurrent: None,
                feed_forward: FeedForward::dense($ffn),
                tied_embeddings: $tied_embeddings,
                context_window: $context_window,
                vision: None,
            },
        },)+];
    };
}

// From each model's config.json on Hugging Face (instruct variant where there are several).
preset_table! {
    // name           family layers hidden   ffn heads kvHeads headDim   vocab  tied contextWindow
    "llama-3.1-8b"    Llama      32   4096 14336    32       8     128 128_256 false       131_072;
    "llama-3.2-1b"    Llama      16   2048  8192    32       8      64 128_256  true       131_072;
    "llama-3.2-3b"    Llama      28   3072  8192    24       8     128 128_256  true       131_072;
    "mistral-7b-v0.3" Llama      32   4096 14336    32       8     128   32768 false         32768;
    "phi-3-mini-4k"   Phi3       32   3072  8192    32      32      96   32064 false          4096;
    "qwen2.5-0.5b"    Qwen2      24    896  4864    14       2      64 151_936  true         32768;
    "qwen2.5-1.5b"    Qwen2      28   1536  8960    12       2     128 151_936  true         32768;
    "qwen2.5-3b"      Qwen2      36   2048 11008    16       2     128 151_936  true         32768;
    "qwen2.5-7b"      Qwen2      28   3584 18944    28       4     128 152_064 false         32768;
    "qwen2.5-14b"     Qwen2      48   5120 13824    40       8     128 152_064 false         32768;
    "qwen3-1.7b"      Qwen3      28   2048  6144    16       8     128 151_936  true         40960;
    "qwen3-4b"        Qwen3      36   2560  9728    32       8     128 151_936  true         40960;
    "smollm2-135m"    Llama      30    576  1536     9       3      64   49152  true          8192;
    "smollm2-360m"    Llama      32    960  2560    15       5      64   49152  true          8192;
    "smollm2-1.7b"    Llama      24   2048  8192    32      32      64   49152  true          8192;
}

/// A preset that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("preset {given:?} is unknown; the nearest are {}", nearest.join(", "))]
pub struct UnknownPreset {
    /// The name that was given.
    pub given: String,
    /// The names that differ least from it.
    pub nearest: Vec<&'static str>,
}

/// Every preset, families together.
pub fn presets() -> &'static [Preset] {
    PRESETS
}

/// The preset of that name, whatever its case.
pub fn preset(name: &str) -> Result<&'static Preset, UnknownPreset> {
    PRESETS.iter().find(|preset| preset.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let keyed = PRESETS.iter().map(|preset| (preset.name.to_owned(), preset.name));
        UnknownPreset { given: name.to_owned(), nearest: nearest(&name.to_ascii_lowercase(), keyed) }
    })
}
