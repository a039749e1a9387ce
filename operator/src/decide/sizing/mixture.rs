//! Which block format each tensor gets: one row per quantization.
//!
//! These are the choices of llama.cpp's quantizer (`llama_tensor_get_type_impl` in src/llama-quant.cpp)
//! without an importance matrix. With one, `Q4_0` and `Q5_0` come out up to 1 % larger, `IQ3_XXS`, `IQ4_XS`
//! and `IQ4_NL` a few percent smaller.

use super::Quantization;
use super::ggml_type::GgmlType::{
    self, Bf16, F16, F32, Iq1M, Iq1S, Iq2S, Iq2Xs, Iq2Xxs, Iq3S, Iq3Xxs, Iq4Nl, Iq4Xs, Q2K, Q3K, Q4_0, Q4_1,
    Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0,
};
use super::rule::{Place, Rule, eighth, first, shared, spread};
use super::tensors::Role;

/// The formats of one quantization.
pub(super) struct Mixture {
    pub(super) quantization: Quantization,
    embedding: GgmlType,
    output: GgmlType,
    query_key: GgmlType,
    value: Rule,
    /// For a fused query, key and value matrix, where that differs from `value`.
    fused: Option<Rule>,
    /// Whether models of 80 layers get more for their value matrices.
    widens: bool,
    attention_output: GgmlType,
    gate_up: Rule,
    down: Rule,
}

impl Mixture {
    /// The format wanted for a tensor; its rows may still be unfit for it.
    pub(super) fn format(&self, role: Role, place: &Place) -> GgmlType {
        match role {
            Role::Embedding => self.embedding,
            Role::Output => self.output,
            Role::Query | Role::Key => self.query_key,
            Role::Value => self.widened(self.value.at(place), place),
            Role::Fused => self.widened(self.fused.unwrap_or(self.value).at(place), place),
            Role::AttentionOutput => self.attention_output,
            Role::GateUp => self.gate_up.at(place),
            Role::Down => self.down.at(place),
        }
    }

    /// llama.cpp knows the 70B models by their 80 layers, and spends more on their shared value matrices.
    fn widened(&self, format: GgmlType, place: &Place) -> GgmlType {
        let is_70b = place.layers == 80 && place.heads_per_kv_head > 1;
        if self.widens && is_70b && matches!(format, Q3K | Q4K) { Q5K } else { format }
    }
}

impl Quantization {
    /// The formats of this quantization.
    #[allow(clippy::too_many_lines, reason = "a table: one row per quantization")]
    pub(super) fn mixture(self) -> Mixture {
        let all = |format| Mixture {
            quantization: self,
            embedding: format,
            output: format,
            query_key: format,
            value: Rule::All(format),
            fused: None,
            widens: false,
            attention_output: format,
            gate_up: Rule::All(format),
            down: Rule::All(format),
        };
        let quantized = |format| Mixture { output: Q6K, widens: true, ..all(format) };
        let tiny = |format, embedding, bump| Mixture {
            embedding,
            output: Q5K,
            value: shared(Q4K, bump),
            down: eighth(bump, format),
            ..all(format)
        };
        match self {
            Self::F32 => all(F32),
            Self::BF16 => all(Bf16),
            Self::F16 => all(F16),
            Self::Q8_0 => all(Q8_0),
            Self::Q6_K => quantized(Q6K),
            Self::Q5_1 => quantized(Q5_1),
            // Quantizers before 2026 gave all fused matrices Q6_K here, and most files are theirs.
            Self::Q5_K_M => Mixture {
                value: spread(Q6K, Q5K),
                fused: Some(Rule::All(Q6K)),
                down: spread(Q6K, Q5K),
                ..quantized(Q5K)
            },
            Self::Q5_K_S => quantized(Q5K),
            Self::Q5_0 => quantized(Q5_0),
            Self::Q4_1 => quantized(Q4_1),
            Self::Q4_K_M => Mixture { value: spread(Q6K, Q4K), down: spread(Q6K, Q4K), ..quantized(Q4K) },
            Self::Q4_K_S => Mixture { value: first(4, Q5K, Q4K), down: eighth(Q5K, Q4K), ..quantized(Q4K) },
            Self::IQ4_NL => {
                Mixture { value: shared(Q5K, Iq4Nl), down: eighth(Q5K, Iq4Nl), ..quantized(Iq4Nl) }
            }
            Self::Q4_0 => quantized(Q4_0),
            Self::IQ4_XS => {
                Mixture { value: shared(Q5K, Iq4Xs), down: eighth(Q5K, Iq4Xs), ..quantized(Iq4Xs) }
            }
            Self::Q3_K_L => Mixture {
                value: Rule::All(Q5K),
                attention_output: Q5K,
                down: Rule::All(Q5K),
                ..quantized(Q3K)
            },
            Self::Q3_K_M => Mixture {
                value: first(2, Q5K, Q4K),
                attention_output: Q4K,
                down: Rule::FirstPart { of: 16, format: Q5K, rest: Q4K },
                ..quantized(Q3K)
            },
            Self::IQ3_M => Mixture {
                value: Rule::All(Q4K),
                attention_output: Q4K,
                down: eighth(Q4K, Iq3S),
                ..quantized(Iq3S)
            },
            Self::IQ3_S => Mixture { value: shared(Q4K, Iq3S), ..quantized(Iq3S) },
            Self::Q3_K_S => quantized(Q3K),
            Self::IQ3_XS => Mixture {
                query_key: Iq3Xxs,
                value: shared(Q4K, Iq3S),
                gate_up: Rule::Middle { format: Iq3Xxs, rest: Iq3S },
                ..quantized(Iq3S)
            },
            Self::IQ3_XXS => Mixture {
                embedding: Iq3S,
                output: Q5K,
                widens: true,
                query_key: Iq2S,
                value: shared(Q4K, Iq3S),
                attention_output: Iq3S,
                down: eighth(Q4K, Q3K),
                ..all(Iq3Xxs)
            },
            Self::Q2_K => Mixture {
                value: shared(Q4K, Q3K),
                attention_output: Q3K,
                down: Rule::All(Q3K),
                ..quantized(Q2K)
            },
            Self::IQ2_M => Mixture { attention_output: Iq3S, ..tiny(Iq2S, Iq3S, Iq3S) },
            Self::IQ2_S => Mixture { attention_output: Iq3S, ..tiny(Iq2Xs, Iq3S, Iq3S) },
            Self::IQ2_XS => tiny(Iq2Xs, Q2K, Q2K),
            Self::IQ2_XXS => tiny(Iq2Xxs, Q2K, Q2K),
            Self::IQ1_M => Mixture { attention_output: Iq2Xxs, ..tiny(Iq1M, Q2K, Q2K) },
            Self::IQ1_S => Mixture { attention_output: Iq2Xxs, ..tiny(Iq1S, Q2K, Q2K) },
        }
    }
}
