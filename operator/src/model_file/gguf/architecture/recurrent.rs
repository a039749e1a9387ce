//! Layers that keep a state.

use super::keys::Keys;
use crate::decide::sizing::{Family, Layers, Recurrent, RecurrentKind};
use crate::model_file::gguf::GgufError;

/// How an architecture tells its recurrent layers.
enum Which {
    /// All are.
    All,
    /// All are, and attend besides.
    Beside,
    /// Those without KV heads.
    WithoutKvHeads,
    /// Those without KV heads and without a feed-forward part: each layer does one thing.
    WithoutBoth,
    /// All but the last of each `full_attention_interval` layers, 4 unless the file says otherwise.
    Interval,
}

/// Reads the dimensions of a layer.
type Kind = fn(&Keys<'_>) -> Result<RecurrentKind, GgufError>;

/// The architectures of llama.cpp whose recurrent layers are known here, and what these compute.
const ROWS: [(&str, Which, Kind); 10] = [
    ("mamba", Which::All, mamba),
    ("mamba2", Which::All, mamba2),
    ("falcon-h1", Which::Beside, mamba2),
    ("jamba", Which::WithoutKvHeads, mamba),
    ("granitehybrid", Which::WithoutKvHeads, mamba2),
    ("nemotron_h", Which::WithoutBoth, mamba2),
    ("nemotron_h_moe", Which::WithoutBoth, mamba2),
    ("qwen3next", Which::Interval, gated_delta),
    ("qwen35", Which::Interval, gated_delta),
    ("qwen35moe", Which::Interval, gated_delta),
];

/// The recurrent layers, if there are any.
pub(super) fn recurrent(keys: &Keys<'_>, family: Family) -> Result<Option<Recurrent>, GgufError> {
    let Some((_, which, kind)) = ROWS.iter().find(|(name, ..)| *name == keys.name) else { return Ok(None) };
    let layers = match which {
        // Only the family's own rules know that such layers keep keys and values too.
        Which::Beside if !family.is_known() => return Ok(None),
        Which::All | Which::Beside => Layers::All,
        Which::WithoutKvHeads => without_kv_heads(keys)?,
        Which::WithoutBoth => without_both(keys)?,
        Which::Interval => match keys.number("full_attention_interval")?.unwrap_or(4) {
            0 | 1 => return Ok(None),
            period => Layers::EveryExcept { period, offset: period - 1 },
        },
    };
    Ok(Some(Recurrent { kind: kind(keys)?, layers }))
}

fn kv_heads(keys: &Keys<'_>) -> Result<Vec<u32>, GgufError> {
    const KEY: &str = "attention.head_count_kv";
    keys.per_layer(KEY)?.ok_or_else(|| keys.missing(KEY))
}

fn without_kv_heads(keys: &Keys<'_>) -> Result<Layers, GgufError> {
    Ok(marks(kv_heads(keys)?.into_iter().map(|heads| heads == 0)))
}

fn without_both(keys: &Keys<'_>) -> Result<Layers, GgufError> {
    const KEY: &str = "feed_forward_length";
    let sizes = keys.per_layer(KEY)?.ok_or_else(|| keys.missing(KEY))?;
    Ok(marks(kv_heads(keys)?.into_iter().zip(sizes).map(|(heads, size)| heads == 0 && size == 0)))
}

fn marks(marks: impl Iterator<Item = bool>) -> Layers {
    let marks: Vec<_> = marks.collect();
    match marks.iter().filter(|mark| **mark).count() {
        0 => Layers::None,
        count if count == marks.len() => Layers::All,
        _ => Layers::List(marks),
    }
}

fn mamba(keys: &Keys<'_>) -> Result<RecurrentKind, GgufError> {
    Ok(RecurrentKind::Mamba {
        inner: keys.required("ssm.inner_size")?,
        state: keys.required("ssm.state_size")?,
        conv: keys.required("ssm.conv_kernel")?,
        dt_rank: keys.required("ssm.time_step_rank")?,
    })
}

/// The key that is a rank in Mamba is the number of heads here.
fn mamba2(keys: &Keys<'_>) -> Result<RecurrentKind, GgufError> {
    Ok(RecurrentKind::Mamba2 {
        inner: keys.required("ssm.inner_size")?,
        state: keys.required("ssm.state_size")?,
        conv: keys.required("ssm.conv_kernel")?,
        groups: keys.required("ssm.group_count")?,
        heads: keys.required("ssm.time_step_rank")?,
    })
}

/// Linear attention under the keys of Mamba: groups are heads of keys, the step's rank is the heads of values.
fn gated_delta(keys: &Keys<'_>) -> Result<RecurrentKind, GgufError> {
    let value_heads = keys.required("ssm.time_step_rank")?;
    let inner = keys.required("ssm.inner_size")?;
    Ok(RecurrentKind::GatedDelta {
        key_heads: keys.required("ssm.group_count")?,
        value_heads,
        key_dim: keys.required("ssm.state_size")?,
        value_dim: inner.checked_div(value_heads).unwrap_or(0),
        conv: keys.required("ssm.conv_kernel")?,
    })
}
