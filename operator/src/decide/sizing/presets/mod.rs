//! The models that are known by name (instruct variant where there are several). docs/presets.md says which source
//! each row was compared with, and which rows none was found for.

mod deepseek;
mod gemma;
mod gpt_oss;
mod granite;
mod llama;
mod mistral;
mod phi;
mod qwen;
mod smollm;
mod table;

use super::Architecture;
use crate::decide::nearest;
use std::sync::LazyLock;

/// A model known by name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preset {
    /// The name in `spec.model.preset`.
    pub name: &'static str,
    /// The model's dimensions.
    pub architecture: Architecture,
}

static TABLES: &[&[Preset]] = &[
    deepseek::PRESETS,
    gemma::PRESETS,
    gpt_oss::PRESETS,
    granite::PRESETS,
    llama::PRESETS,
    mistral::PRESETS,
    phi::PRESETS,
    qwen::PRESETS,
    smollm::PRESETS,
];

/// A preset that does not exist.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("preset {given:?} is unknown; the nearest are {}", nearest.join(", "))]
pub struct UnknownPreset {
    /// The name that was given.
    pub given: String,
    /// The names that differ least from it.
    pub nearest: Vec<&'static str>,
}

/// Every preset, those of one maker together.
pub fn presets() -> &'static [Preset] {
    static ALL: LazyLock<Vec<Preset>> = LazyLock::new(|| TABLES.concat());
    &ALL
}

/// The preset of that name, whatever its case.
pub fn preset(name: &str) -> Result<&'static Preset, UnknownPreset> {
    presets().iter().find(|preset| preset.name.eq_ignore_ascii_case(name)).ok_or_else(|| {
        let keyed = presets().iter().map(|preset| (preset.name.to_owned(), preset.name));
        UnknownPreset { given: name.to_owned(), nearest: nearest(&name.to_ascii_lowercase(), keyed) }
    })
}
