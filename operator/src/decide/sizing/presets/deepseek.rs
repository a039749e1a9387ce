//! DeepSeek's own. V3's extra layer for predicting two tokens is not in a GGUF file, and not here.

use super::table::preset_table;
use crate::decide::sizing::{Attention, Experts, FeedForward};

const LITE: Experts =
    Experts { count: 64, used: 6, size: 1408, shared_size: 2816, dense_layers: 0, every: 1 };
const FULL: Experts =
    Experts { count: 256, used: 8, size: 2048, shared_size: 2048, dense_layers: 0, every: 1 };

const fn latent(heads: u32, query_rank: Option<u32>) -> Attention {
    Attention::Latent { heads, query_rank, kv_rank: 512, nope_dim: 128, rope_dim: 64, value_dim: 128 }
}

/// So many layers of that width, then layers of experts.
const fn after_dense(dense_layers: u32, size: u32, experts: Experts) -> FeedForward {
    FeedForward { size, experts: Some(Experts { dense_layers, ..experts }) }
}

preset_table! {
    "deepseek-v2-lite" DeepSeek2 27 2048 102_400 untied 163_840: latent(16, None), after_dense(1, 10944, LITE);
    "deepseek-v3" DeepSeek2 61 7168 129_280 untied 163_840: latent(128, Some(1536)), after_dense(3, 18432, FULL);
    "deepseek-v3.1" DeepSeek2 61 7168 129_280 untied 163_840: latent(128, Some(1536)), after_dense(3, 18432, FULL);
    "deepseek-r1" DeepSeek2 61 7168 129_280 untied 163_840: latent(128, Some(1536)), after_dense(3, 18432, FULL);
}
