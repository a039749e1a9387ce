//! Model families: which tensors one layer has.

mod llama;
mod parts;
mod phi3;
mod qwen2;
mod qwen3;

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
    /// Llama 2 and 3, Mistral, `SmolLM2`: separate projections, no biases.
    Llama llama ["llama"],
    /// Qwen 2 and 2.5: as Llama, with biases on query, key and value.
    Qwen2 qwen2 ["qwen2"],
    /// Qwen 3: as Llama, with norms on query and key heads.
    Qwen3 qwen3 ["qwen3"],
    /// Phi-3: query, key and value fused, gate and up fused.
    Phi3 phi3 ["phi3"],
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

    /// The tensors of the layer of that index.
    pub(super) fn layer(self, architecture: &Architecture, index: u32) -> Vec<Tensor> {
        (self.rules().layer)(architecture, index)
    }
}
