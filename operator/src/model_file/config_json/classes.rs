//! The architecture classes of transformers: one line each.

use super::fields::Fields;
use super::{ConfigError, Note};
use crate::decide::sizing::Family;

/// Which layers slide where a config does not list them.
#[derive(Clone, Copy)]
pub(super) enum SlidingRule {
    /// None.
    Never,
    /// All, if there is a window.
    All,
    /// Those from `max_window_layers` on, if `use_sliding_window` is true.
    FromMaxWindowLayers,
    /// All but the last of every so many (`sliding_window_pattern`, or that number).
    AllButEvery(u32),
}

/// Which layers are recurrent where a config does not list them, and how they are described.
#[derive(Clone, Copy)]
pub(super) enum RecurrentRule {
    /// None.
    Never,
    /// `mamba_*` fields, in the layers listed as `mamba`.
    Mamba2Listed,
    /// `mamba_*` fields, beside attention in every layer.
    Mamba2Beside,
    /// `linear_*` fields, in all layers but each `full_attention_interval`th.
    GatedDelta,
}

/// What a class of models adds to the fields that all configs share.
#[derive(Clone, Copy)]
pub(super) struct Class {
    /// In `architectures`.
    name: &'static str,
    /// `model_type` of the text model's own config.
    model_type: &'static str,
    pub(super) family: Family,
    pub(super) sliding: SlidingRule,
    pub(super) recurrent: RecurrentRule,
    /// `tie_word_embeddings` where it is missing.
    pub(super) tied: bool,
    /// Other fields where they are missing.
    pub(super) defaults: &'static [(&'static str, u32)],
}

const fn class(name: &'static str, model_type: &'static str, family: Family) -> Class {
    Class {
        name,
        model_type,
        family,
        sliding: SlidingRule::Never,
        recurrent: RecurrentRule::Never,
        tied: false,
        defaults: &[],
    }
}

impl Class {
    const fn slides(self, sliding: SlidingRule) -> Self {
        Self { sliding, ..self }
    }

    const fn recurs(self, recurrent: RecurrentRule) -> Self {
        Self { recurrent, ..self }
    }

    const fn tied(self) -> Self {
        Self { tied: true, ..self }
    }

    const fn defaults(self, defaults: &'static [(&'static str, u32)]) -> Self {
        Self { defaults, ..self }
    }
}

const QWEN: SlidingRule = SlidingRule::FromMaxWindowLayers;
const EVERY_OTHER: SlidingRule = SlidingRule::AllButEvery(2);

/// Field values that `Gemma3TextConfig` leaves out of a config.json.
const GEMMA3: &[(&str, u32)] = &[
    ("num_attention_heads", 8),
    ("num_key_value_heads", 4),
    ("head_dim", 256),
    ("vocab_size", 262_208),
    ("max_position_embeddings", 131_072),
    ("sliding_window", 4096),
];
const GEMMA2: &[(&str, u32)] = &[("head_dim", 256), ("sliding_window", 4096)];
const QWEN3: &[(&str, u32)] = &[("head_dim", 128)];
const MISTRAL: &[(&str, u32)] = &[("num_key_value_heads", 8)];

/// Models whose layers are known. A new one is a line here.
const CLASSES: &[Class] = &[
    class("LlamaForCausalLM", "llama", Family::Llama),
    class("MistralForCausalLM", "mistral", Family::Llama).slides(SlidingRule::All).defaults(MISTRAL),
    class("MixtralForCausalLM", "mixtral", Family::Llama).slides(SlidingRule::All).defaults(MISTRAL),
    class("SmolLM3ForCausalLM", "smollm3", Family::Llama).tied(),
    class("GraniteForCausalLM", "granite", Family::Granite),
    class("GraniteMoeForCausalLM", "granitemoe", Family::Granite),
    class("GraniteMoeHybridForCausalLM", "granitemoehybrid", Family::GraniteHybrid)
        .recurs(RecurrentRule::Mamba2Listed),
    class("FalconH1ForCausalLM", "falcon_h1", Family::FalconH1).recurs(RecurrentRule::Mamba2Beside),
    class("Phi3ForCausalLM", "phi3", Family::Phi3).slides(SlidingRule::All),
    class("Qwen2ForCausalLM", "qwen2", Family::Qwen2).slides(QWEN),
    class("Qwen2_5_VLForConditionalGeneration", "qwen2_5_vl", Family::Qwen2).slides(QWEN),
    class("Qwen2MoeForCausalLM", "qwen2_moe", Family::Qwen2).slides(QWEN),
    class("Qwen3ForCausalLM", "qwen3", Family::Qwen3).slides(QWEN).defaults(QWEN3),
    class("Qwen3MoeForCausalLM", "qwen3_moe", Family::Qwen3).slides(QWEN),
    class("Qwen3NextForCausalLM", "qwen3_next", Family::Qwen3Next).recurs(RecurrentRule::GatedDelta),
    class("Gemma2ForCausalLM", "gemma2", Family::Gemma2).tied().slides(EVERY_OTHER).defaults(GEMMA2),
    class("Gemma3ForCausalLM", "gemma3_text", Family::Gemma3)
        .tied()
        .slides(SlidingRule::AllButEvery(6))
        .defaults(GEMMA3),
    class("DeepseekV2ForCausalLM", "deepseek_v2", Family::DeepSeek2),
    class("DeepseekV3ForCausalLM", "deepseek_v3", Family::DeepSeek2),
    class("GptOssForCausalLM", "gpt_oss", Family::GptOss).slides(EVERY_OTHER),
];

/// The plain rule: what a model with nothing special has.
const PLAIN: Class = class("", "", Family::Plain);

/// The class of a model: by what its text part says of itself, or else by the model's own name. An unknown one
/// falls back to the plain rule, with a note.
pub(super) fn find(top: Fields<'_>, text: Fields<'_>, notes: &mut Vec<Note>) -> Result<Class, ConfigError> {
    let named = |fields: Fields<'_>| -> Result<Option<Class>, ConfigError> {
        let names = fields.texts("architectures")?.unwrap_or_default();
        let model_type = fields.text("model_type")?;
        Ok(CLASSES.iter().copied().find(|class| {
            names.contains(&class.name) || (names.is_empty() && model_type == Some(class.model_type))
        }))
    };
    if let Some(class) = named(text)?.map_or_else(|| named(top), |class| Ok(Some(class)))? {
        return Ok(class);
    }
    let by_type = text.text("model_type")?;
    if let Some(class) = CLASSES.iter().find(|class| by_type == Some(class.model_type)) {
        return Ok(*class);
    }
    let name = top.texts("architectures")?.and_then(|names| names.first().copied()).or(by_type);
    notes.push(Note::UnknownArchitecture { class: name.unwrap_or("(none)").chars().take(80).collect() });
    Ok(PLAIN)
}
