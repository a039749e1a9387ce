//! Which layers slide and which are recurrent.

use super::ConfigError;
use super::classes::{Class, RecurrentRule, SlidingRule};
use super::fields::Fields;
use crate::decide::sizing::{Layers, Recurrent, RecurrentKind, Sliding};

/// What configs call a layer that attends to a window only.
const SLIDING: &str = "sliding_attention";
/// And one that keeps a state.
const RECURRENT: &[&str] = &["mamba", "linear_attention"];

/// The kind of each layer, if the config lists them.
fn kinds(text: Fields<'_>, layers: u32) -> Result<Option<Vec<&str>>, ConfigError> {
    let kinds = text.texts("layer_types")?;
    match &kinds {
        Some(list) if u32::try_from(list.len()) != Ok(layers) => {
            Err(ConfigError::LayerCount { field: "layer_types", given: list.len(), layers })
        }
        _ => Ok(kinds),
    }
}

/// The layers of one of some kinds; `None` if there are none.
fn listed(kinds: &[&str], wanted: &[&str]) -> Option<Layers> {
    let marks: Vec<bool> = kinds.iter().map(|kind| wanted.contains(kind)).collect();
    marks.contains(&true).then_some(Layers::List(marks))
}

/// The layers that slide. A window as long as the context is none.
pub(super) fn sliding(class: &Class, text: Fields<'_>, layers: u32) -> Result<Option<Sliding>, ConfigError> {
    let Some(window) = text.optional_number("sliding_window")?.filter(|window| *window > 0) else {
        return Ok(None);
    };
    if text.optional_number("max_position_embeddings")?.is_some_and(|context| window >= context) {
        return Ok(None);
    }
    let switched_off = text.flag("use_sliding_window")? == Some(false);
    let which = match (kinds(text, layers)?, class.sliding) {
        _ if switched_off => None,
        (Some(kinds), _) => listed(&kinds, &[SLIDING]),
        (None, SlidingRule::Never) => None,
        (None, SlidingRule::All) => Some(Layers::All),
        (None, SlidingRule::FromMaxWindowLayers) => from_max_window_layers(text, layers)?,
        (None, SlidingRule::AllButEvery(usual)) => {
            let period = text.optional_count("sliding_window_pattern")?.unwrap_or(usual);
            Some(Layers::EveryExcept { period, offset: period - 1 })
        }
    };
    Ok(which.map(|layers| Sliding { window, layers }))
}

fn from_max_window_layers(text: Fields<'_>, layers: u32) -> Result<Option<Layers>, ConfigError> {
    let on = text.flag("use_sliding_window")? == Some(true);
    let first = text.optional_number("max_window_layers")?.unwrap_or(layers);
    Ok((on && first < layers).then(|| Layers::List((0..layers).map(|layer| layer >= first).collect())))
}

/// The layers that keep a state.
pub(super) fn recurrent(
    class: &Class,
    text: Fields<'_>,
    layers: u32,
    hidden: u32,
) -> Result<Option<Recurrent>, ConfigError> {
    let listed = kinds(text, layers)?.and_then(|kinds| listed(&kinds, RECURRENT));
    match class.recurrent {
        RecurrentRule::Never => Ok(None),
        RecurrentRule::Mamba2Listed => {
            listed.map(|layers| Ok(Recurrent { kind: mamba2(text, hidden)?, layers })).transpose()
        }
        RecurrentRule::Mamba2Beside => {
            Ok(Some(Recurrent { kind: mamba2(text, hidden)?, layers: Layers::All }))
        }
        RecurrentRule::GatedDelta => {
            let period = text.optional_count("full_attention_interval")?.unwrap_or(4);
            let layers = listed.unwrap_or(Layers::EveryExcept { period, offset: period - 1 });
            Ok(Some(Recurrent { kind: gated_delta(text)?, layers }))
        }
    }
}

fn mamba2(text: Fields<'_>, hidden: u32) -> Result<RecurrentKind, ConfigError> {
    let inner = match text.optional_count("mamba_d_ssm")? {
        Some(inner) => inner,
        None => hidden.saturating_mul(text.optional_count("mamba_expand")?.unwrap_or(2)),
    };
    Ok(RecurrentKind::Mamba2 {
        inner,
        state: text.count("mamba_d_state")?,
        conv: text.optional_count("mamba_d_conv")?.unwrap_or(4),
        groups: text.optional_count("mamba_n_groups")?.unwrap_or(1),
        heads: text.count("mamba_n_heads")?,
    })
}

fn gated_delta(text: Fields<'_>) -> Result<RecurrentKind, ConfigError> {
    Ok(RecurrentKind::GatedDelta {
        key_heads: text.count("linear_num_key_heads")?,
        value_heads: text.count("linear_num_value_heads")?,
        key_dim: text.count("linear_key_head_dim")?,
        value_dim: text.count("linear_value_head_dim")?,
        conv: text.optional_count("linear_conv_kernel_dim")?.unwrap_or(4),
    })
}
