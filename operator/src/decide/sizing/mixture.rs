//! Which block format each tensor gets: one row per quantization.
//!
//! These are the choices of llama.cpp's quantizer (`llama_tensor_get_type_impl` in src/llama-quant.cpp)
//! without an importance matrix. With one, `Q4_0` and `Q5_0` come out up to 1 % larger, `IQ3_XXS`, `IQ4_XS`
//! and `IQ4_NL` a few percent smaller.

use super::Quantization;
use super::ggml_type::GgmlType::{
    self, Bf16, F16, F32, Iq1M, Iq1S, Iq2S, Iq2Xs, Iq2Xxs, Iq3S, Iq3Xxs, Iq4Nl, Iq4Xs, Mxfp4, Q2K, Q3K, Q4_0,
    Q4_1, Q4K, Q5_0, Q5_1, Q5K, Q6K, Q8_0,
};
use super::place::Place;
use super::rule::{Rule, eighth, first, shared, spread};
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
    /// Whether `down` goes by the number of down projections before, not by the layer.
    counts_downs: bool,
    other: GgmlType,
    /// For matrices that are stacked, where they are stored in another way.
    stacks: Option<GgmlType>,
    /// Where a layer has 8 experts, as Mixtral's: attention is small beside them.
    eight: Option<Eight>,
}

/// Formats of attention beside 8 experts.
#[derive(Clone, Copy)]
struct Eight {
    key_value: GgmlType,
    attention_output: GgmlType,
}

impl Mixture {
    /// The format wanted for a tensor; its rows may still be unfit for it.
    pub(super) fn format(&self, role: Role, stacked: bool, place: &Place) -> GgmlType {
        if let Some(stacks) = self.stacks.filter(|_| stacked) {
            return stacks;
        }
        if let Some(eight) = self.eight.filter(|_| place.experts == 8) {
            match role {
                Role::Key | Role::Value | Role::Fused => return eight.key_value,
                Role::AttentionOutput => return eight.attention_output,
                _ => {}
            }
        }
        let in_value = |rule: Rule| rule.at(place.value, place.values, place);
        let in_layer = |rule: Rule| rule.at(place.layer, place.layers, place);
        match role {
            Role::Embedding => self.embedding,
            Role::Output => self.output,
            Role::Query | Role::Key => self.query_key,
            Role::Value => self.widened(in_value(self.value), place),
            Role::Fused => self.widened(in_value(self.fused.unwrap_or(self.value)), place),
            Role::AttentionOutput => self.attention_output,
            Role::GateUp => in_layer(self.gate_up),
            Role::Down if self.counts_downs => self.down.at(place.down, place.layers, place),
            Role::Down => in_layer(self.down),
            Role::Other => self.other,
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
            counts_downs: false,
            other: format,
            stacks: None,
            eight: None,
        };
        let eight = |attention_output| Some(Eight { key_value: Q8_0, attention_output });
        let quantized = |format| Mixture { output: Q6K, widens: true, eight: eight(format), ..all(format) };
        // These spend more on the output of attention beside 8 experts.
        let careful = |format| Mixture { eight: eight(Q5K), ..quantized(format) };
        let tiny = |format, embedding, bump| Mixture {
            embedding,
            output: Q5K,
            value: Rule::SharedOrExperts { format: Q4K, rest: bump },
            down: eighth(bump, format),
            counts_downs: true,
            eight: Some(Eight { key_value: Q4K, attention_output: Q5K }),
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
            Self::Q4_K_M => Mixture { value: spread(Q6K, Q4K), down: spread(Q6K, Q4K), ..careful(Q4K) },
            Self::Q4_K_S => Mixture { value: first(4, Q5K, Q4K), down: eighth(Q5K, Q4K), ..careful(Q4K) },
            Self::IQ4_NL => Mixture { value: shared(Q5K, Iq4Nl), down: eighth(Q5K, Iq4Nl), ..careful(Iq4Nl) },
            Self::Q4_0 => quantized(Q4_0),
            Self::IQ4_XS => Mixture { value: shared(Q5K, Iq4Xs), down: eighth(Q5K, Iq4Xs), ..careful(Iq4Xs) },
            Self::MXFP4_MOE => Mixture { stacks: Some(Mxfp4), ..all(Q8_0) },
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
                ..careful(Q3K)
            },
            Self::IQ3_M => Mixture {
                value: Rule::All(Q4K),
                attention_output: Q4K,
                down: Rule::FirstEighthOrSpread { format: Q4K, rest: Iq3S },
                ..careful(Iq3S)
            },
            Self::IQ3_S => Mixture { value: shared(Q4K, Iq3S), ..careful(Iq3S) },
            Self::Q3_K_S => careful(Q3K),
            Self::IQ3_XS => Mixture {
                query_key: Iq3Xxs,
                value: shared(Q4K, Iq3S),
                gate_up: Rule::Middle { format: Iq3Xxs, rest: Iq3S },
                ..careful(Iq3S)
            },
            Self::IQ3_XXS => Mixture {
                embedding: Iq3S,
                output: Q5K,
                query_key: Iq2S,
                value: shared(Q4K, Iq3S),
                attention_output: Iq3S,
                down: eighth(Q4K, Q3K),
                ..careful(Iq3Xxs)
            },
            Self::Q2_K => Mixture {
                value: shared(Q4K, Q3K),
                attention_output: Q3K,
                down: Rule::All(Q3K),
                ..careful(Q2K)
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
