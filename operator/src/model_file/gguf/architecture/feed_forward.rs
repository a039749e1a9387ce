//! Feed-forward parts and experts.

use super::keys::Keys;
use crate::decide::sizing::{Experts, FeedForward, Layers, Recurrent};
use crate::model_file::gguf::GgufError;

const SIZE: &str = "feed_forward_length";
const EXPERT_SIZE: &str = "expert_feed_forward_length";
/// Architectures whose layers do not all have experts, which their files do not say; of how many layers the last has.
const ALTERNATING: [(&str, u32); 1] = [("jamba", 2)];

/// The feed-forward part. Where layers differ, the widest stands for all.
pub(super) fn feed_forward(keys: &Keys<'_>, recurrent: Option<&Recurrent>) -> Result<FeedForward, GgufError> {
    let size = keys.largest(SIZE)?;
    let count = keys.number("expert_count")?.unwrap_or(0);
    if count == 0 {
        // Layers of Mamba have no feed-forward part; files say so by 0 or not at all.
        let none = recurrent.filter(|recurrent| recurrent.layers == Layers::All).map(|_| 1);
        let size = size.filter(|size| *size > 0).or(none).or(size);
        return Ok(FeedForward::dense(size.ok_or_else(|| keys.missing(SIZE))?));
    }
    let expert_size = keys.largest(EXPERT_SIZE)?.filter(|size| *size > 0).or(size);
    let expert_size = expert_size.ok_or_else(|| keys.missing(EXPERT_SIZE))?;
    let shared_count = keys.number("expert_shared_count")?.unwrap_or(0);
    let shared_size = keys.number("expert_shared_feed_forward_length")?;
    let dense_layers = keys.number("leading_dense_block_count")?.unwrap_or(0);
    let usual = ALTERNATING.iter().find(|(name, _)| *name == keys.name).map_or(1, |(_, every)| *every);
    let every = keys.number("interleave_moe_layer_step")?.filter(|every| *every > 0).unwrap_or(usual);
    Ok(FeedForward {
        size: if dense_layers > 0 || every > 1 { size.ok_or_else(|| keys.missing(SIZE))? } else { 0 },
        experts: Some(Experts {
            count,
            used: keys.largest("expert_used_count")?.ok_or_else(|| keys.missing("expert_used_count"))?,
            size: expert_size,
            shared_size: shared_size.unwrap_or_else(|| expert_size.saturating_mul(shared_count)),
            dense_layers,
            every,
        }),
    })
}
