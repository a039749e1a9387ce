//! Model families: which tensors one layer has.

mod deepseek2;
mod falcon_h1;
mod gemma2;
mod gemma3;
mod gpt_oss;
mod llama;
mod parts;
mod phi3;
mod qwen2;
mod qwen3;
mod qwen3_next;
mod recurrent;

use super::architecture::Architecture;
use super::tensors::Tensor;

/// What distinguishes a family.
struct Rules {
    /// llama.cpp's names of the architecture (`general.architecture` of a GGUF file).
    gguf_names: &'static [&'static str],
    /// The tensors of the layer of that index.
    layer: fn(&Architecture, u32) -> Vec<Tensor>,
}

macro_rules! families {
    ($($(#[$meta:meta])* $family:ident $module:ident [$($gguf_name:literal),*],)+) => {
        /// Models whose layers have the same tensors, named after llama.cpp's architectures.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Family { $($(#[$meta])* $family,)+ }

        impl Family {
            /// Every family.
            pub const ALL: &'static [Self] = &[$(Self::$family,)+];

            const fn rules(self) -> Rules {
                match self {
                    $(Self::$family => Rules { gguf_names: &[$($gguf_name),*], layer: $module::layer },)+
                }
            }
        }
    };
}

families! {
    /// Llama 2 and 3, Mistral, Mixtral, `SmolLM2`: separate projections, no biases.
    Llama llama ["llama", "mistral3", "smollm3"],
    /// Qwen 2 and 2.5: as Llama, with biases on query, key and value.
    Qwen2 qwen2 ["qwen2", "qwen2moe"],
    /// Qwen 3: as Llama, with norms on query and key heads.
    Qwen3 qwen3 ["qwen3", "qwen3moe"],
    /// Qwen3-Next: three of four layers recurrent, gated attention in the others.
    Qwen3Next qwen3_next ["qwen3next"],
    /// Phi-3 and Phi-4: query, key and value fused, gate and up fused.
    Phi3 phi3 ["phi3"],
    /// Gemma 2: norms before and after each part, a window in every other layer.
    Gemma2 gemma2 ["gemma2"],
    /// Gemma 3: as Gemma 2, with norms on query and key heads and a window in five of six layers.
    Gemma3 gemma3 ["gemma3"],
    /// gpt-oss: experts, biases, attention sinks, a window in every other layer.
    GptOss gpt_oss ["gpt-oss"],
    /// DeepSeek-V2, V3 and R1: latent attention and experts.
    DeepSeek2 deepseek2 ["deepseek2"],
    /// Granite 3, and Granite 4 without recurrence: as Llama.
    Granite llama ["granite", "granitemoe"],
    /// Granite 4: nine of ten layers recurrent.
    GraniteHybrid llama ["granitehybrid"],
    /// Falcon-H1: attention and recurrence side by side in every layer.
    FalconH1 falcon_h1 ["falcon-h1"],
    /// Jamba: seven of eight layers recurrent.
    Jamba llama ["jamba"],
    /// Any other, taken for Qwen 2, the plain layer that has the most.
    Plain qwen2 [],
}

impl Family {
    /// The family of a GGUF file's `general.architecture`, if it has rules of its own.
    pub fn of_gguf(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|family| family.rules().gguf_names.contains(&name))
    }

    /// Whether the family has rules of its own.
    pub const fn is_known(self) -> bool {
        !matches!(self, Self::Plain)
    }

    /// Whether recurrent layers keep keys and values too.
    pub(crate) const fn attends_beside_recurrence(self) -> bool {
        matches!(self, Self::FalconH1)
    }

    /// Whether a file gives recurrent layers KV heads all the same.
    pub(super) const fn keeps_kv_heads_of_recurrent_layers(self) -> bool {
        matches!(self, Self::Qwen3Next | Self::FalconH1)
    }

    /// The tensors of the layer of that index.
    pub(super) fn layer(self, architecture: &Architecture, index: u32) -> Vec<Tensor> {
        (self.rules().layer)(architecture, index)
    }
}
