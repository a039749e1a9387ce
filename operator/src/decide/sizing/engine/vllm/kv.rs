//! vLLM's KV cache: pages of a few tokens, shared by all sequences.

use super::super::torch::KvWidth;
use crate::decide::sizing::{Architecture, Bytes, SizingError};

const TERM: &str = "the KV cache";

/// What a sequence asks of the cache.
pub(super) struct Pages {
    /// Tokens of a page (`--block-size`).
    pub(super) block: u64,
    /// Tokens of a sequence.
    pub(super) context: u64,
    /// Tokens of a pass.
    pub(super) batched: u64,
    /// Whether layers with a window keep only that.
    pub(super) hybrid: bool,
}

impl Pages {
    /// Pages of a layer that keeps every token.
    const fn full(&self) -> u64 {
        self.context.div_ceil(self.block)
    }

    /// Pages of a layer that keeps a window, and what a pass adds to it before the oldest go
    /// (`SlidingWindowSpec.max_memory_usage_bytes`).
    fn sliding(&self, window: u32) -> u64 {
        let kept = (u64::from(window) - 1).saturating_add(self.batched).min(self.context);
        (kept.div_ceil(self.block) + 1).min(self.full().saturating_add(1))
    }

    /// Pages of all layers for one sequence. Layers of both kinds share one pool of pages: they are dealt into
    /// groups of equal size, the last of a kind filled up with layers that do not exist
    /// (`_get_kv_cache_groups_uniform_page_size`).
    fn of_sequence(&self, a: &Architecture) -> u64 {
        let layers = |keeps: &dyn Fn(u32) -> bool| {
            (0..a.layers).map(|layer| u64::from(a.attends(layer) && keeps(layer))).sum::<u64>()
        };
        let window = a.sliding.as_ref().map(|sliding| sliding.window).filter(|_| self.hybrid);
        let Some(window) = window else { return layers(&|_| true).saturating_mul(self.full()) };
        let sliding = layers(&|layer| a.window(layer).is_some());
        let full = layers(&|layer| a.window(layer).is_none());
        if full == 0 || sliding == 0 {
            return sliding
                .saturating_mul(self.sliding(window))
                .saturating_add(full.saturating_mul(self.full()));
        }
        let (fewer, more) = (full.min(sliding), full.max(sliding));
        // A kind that is only a quarter larger is one group, too.
        let size = if more * 4 < fewer * 5 { more } else { fewer };
        let grouped =
            |count: u64, pages: u64| count.div_ceil(size).saturating_mul(size).saturating_mul(pages);
        grouped(full, self.full()).saturating_add(grouped(sliding, self.sliding(window)))
    }
}

/// Memory of the pages of all sequences on one GPU, each as long as it may be.
pub(super) fn kv_cache(
    a: &Architecture,
    pages: &Pages,
    sequences: u64,
    width: KvWidth,
) -> Result<Bytes, SizingError> {
    let page = Bytes::product(&[pages.block, width.bytes_per_token()], TERM)?;
    Bytes::product(&[page.get(), pages.of_sequence(a), sequences], TERM)
}
