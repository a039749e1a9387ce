//! Attention, from the fields of a config.

use super::ConfigError;
use super::fields::Fields;
use crate::decide::sizing::Attention;

/// Latent attention where a config has `kv_lora_rank`, else grouped.
pub(super) fn attention(text: Fields<'_>, hidden: u32) -> Result<Attention, ConfigError> {
    let heads = text.count("num_attention_heads")?;
    if let Some(kv_rank) = text.optional_count("kv_lora_rank")? {
        return Ok(Attention::Latent {
            heads,
            query_rank: text.optional_count("q_lora_rank")?,
            kv_rank,
            nope_dim: text.count("qk_nope_head_dim")?,
            rope_dim: text.count("qk_rope_head_dim")?,
            value_dim: text.count("v_head_dim")?,
        });
    }
    let kv_heads = text.optional_count("num_key_value_heads")?.unwrap_or(heads);
    let head_dim = match text.optional_count("head_dim")? {
        Some(head_dim) => head_dim,
        None if hidden.is_multiple_of(heads) => hidden / heads,
        None => return Err(ConfigError::HeadSize { hidden, heads }),
    };
    Ok(Attention::Grouped { heads, kv_heads, head_dim })
}
