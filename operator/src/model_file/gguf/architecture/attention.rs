//! Heads, and what they keep.

use super::keys::Keys;
use crate::decide::sizing::{Attention, Family, Layers, Recurrent};
use crate::model_file::Note;
use crate::model_file::gguf::GgufError;

const HEADS: &str = "attention.head_count";
const KV_HEADS: &str = "attention.head_count_kv";

/// Attention of the layers that have any.
pub(super) fn attention(
    keys: &Keys<'_>,
    hidden: u32,
    family: Family,
    recurrent: Option<&Recurrent>,
    notes: &mut Vec<Note>,
) -> Result<Attention, GgufError> {
    let all_recur = recurrent.is_some_and(|recurrent| recurrent.layers == Layers::All);
    if all_recur && !family.attends_beside_recurrence() && keys.largest(HEADS)?.unwrap_or(0) == 0 {
        return Ok(Attention::Grouped { heads: 1, kv_heads: 1, head_dim: 1 });
    }
    let heads = keys.per_layer(HEADS)?.ok_or_else(|| keys.missing(HEADS))?;
    let kv_heads = keys.per_layer(KV_HEADS)?.unwrap_or_else(|| heads.clone());
    // Where layers differ, the one that keeps the most stands for all.
    let pairs = || heads.iter().copied().zip(kv_heads.iter().copied()).filter(|(_, kv_heads)| *kv_heads > 0);
    let (heads, kv_heads) = pairs().max_by_key(|(heads, kv)| (*kv, *heads)).ok_or_else(|| {
        GgufError::Value { key: keys.full(KV_HEADS), found: "0".to_owned(), wanted: "at least 1 in a layer" }
    })?;
    if pairs().any(|pair| pair != (heads, kv_heads)) {
        notes.push(Note::VariesByLayer { key: keys.full(KV_HEADS) });
    }

    let even = || hidden.checked_div(heads);
    let key_dim = keys.number("attention.key_length")?.or_else(even).unwrap_or(0);
    let value_dim = keys.number("attention.value_length")?.or_else(even).unwrap_or(0);
    let latent = (keys.number("attention.key_length_mla")?, keys.number("attention.value_length_mla")?);
    match (keys.number("attention.kv_lora_rank")?, latent) {
        (Some(kv_rank), (Some(key_dim), Some(value_dim))) => {
            let rope_dim = keys.required("rope.dimension_count")?;
            let query_rank = keys.number("attention.q_lora_rank")?.filter(|rank| *rank > 0);
            let nope_dim = key_dim.saturating_sub(rope_dim);
            Ok(Attention::Latent { heads, query_rank, kv_rank, nope_dim, rope_dim, value_dim })
        }
        (rank, _) => {
            if rank.is_some() {
                notes.push(Note::LatentAttentionExpanded);
            }
            Ok(Attention::Grouped { heads, kv_heads, head_dim: key_dim.max(value_dim) })
        }
    }
}
