//! The feed-forward part, from the fields of a config.

use super::ConfigError;
use super::fields::Fields;
use crate::decide::sizing::{Experts, FeedForward};

/// What configs call the number of experts in a layer.
const COUNT: &[&str] = &["num_experts", "num_local_experts", "n_routed_experts"];
/// How many of them a token uses.
const USED: &[&str] = &["num_experts_per_tok", "experts_per_token", "num_experts_per_token"];
/// The inner width of one, where it is not `intermediate_size`.
const SIZE: &[&str] = &["moe_intermediate_size"];
/// The inner width of what every token uses besides.
const SHARED_SIZE: &[&str] = &["shared_expert_intermediate_size", "shared_intermediate_size"];
/// Leading layers without experts.
const DENSE_LAYERS: &[&str] = &["first_k_dense_replace"];
/// Of how many layers the last has experts.
const EVERY: &[&str] = &["decoder_sparse_step", "expert_layer_period", "interleave_moe_layer_step"];

/// Experts where a config has some, else one inner width for all layers.
pub(super) fn feed_forward(text: Fields<'_>) -> Result<FeedForward, ConfigError> {
    let shared = text.first_number(SHARED_SIZE)?.filter(|size| *size > 0);
    let Some(count) = text.first_number(COUNT)?.filter(|count| *count > 0) else {
        // Granite 4 without experts keeps the width of what would be shared.
        let size = if text.value("num_local_experts").is_some() { shared } else { None };
        return Ok(FeedForward::dense(size.map_or_else(|| text.count("intermediate_size"), Ok)?));
    };
    let size = match text.first_number(SIZE)?.filter(|size| *size > 0) {
        Some(size) => size,
        None => text.count("intermediate_size")?,
    };
    let shared_count = text.optional_number("n_shared_experts")?.unwrap_or(0);
    let dense_layers = text.first_number(DENSE_LAYERS)?.unwrap_or(0);
    let every = text.first_number(EVERY)?.filter(|every| *every > 0).unwrap_or(1);
    Ok(FeedForward {
        size: if dense_layers > 0 || every > 1 { text.count("intermediate_size")? } else { 0 },
        experts: Some(Experts {
            count,
            used: text.first_number(USED)?.ok_or(ConfigError::Missing { field: "num_experts_per_tok" })?,
            size,
            shared_size: shared.unwrap_or_else(|| size.saturating_mul(shared_count)),
            dense_layers,
            every,
        }),
    })
}
