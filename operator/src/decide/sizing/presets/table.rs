//! How rows of the catalogue are written.

use crate::decide::sizing::{Attention, Experts, FeedForward, Layers, Sliding};

/// Declares `PRESETS`: name, family, layers, hidden, vocabulary, `tied` or `untied` embeddings, context window;
/// then attention and feed-forward part; then what only some models have.
macro_rules! preset_table {
    ($($name:literal $family:ident $layers:literal $hidden:literal $vocab:literal $tied:ident $window:literal:
       $attention:expr, $feed_forward:expr
       $(, sliding $sliding:expr)? $(, recurrent $recurrent:expr)? $(, vision $vision:literal)?;)+) => {
        pub(super) static PRESETS: &[super::Preset] = &[$(super::Preset {
            name: $name,
            architecture: crate::decide::sizing::Architecture {
                family: crate::decide::sizing::Family::$family,
                layers: $layers,
                hidden: $hidden,
                vocab: $vocab,
                attention: $attention,
                sliding: super::table::optional!($($sliding)?),
                recurrent: super::table::optional!($($recurrent)?),
                feed_forward: $feed_forward,
                tied_embeddings: super::table::tied!($tied),
                context_window: $window,
                vision: super::table::optional!($(crate::decide::sizing::Vision { parameters: $vision })?),
            },
        },)+];
    };
}

macro_rules! optional {
    () => {
        None
    };
    ($value:expr) => {
        Some($value)
    };
}

macro_rules! tied {
    (tied) => {
        true
    };
    (untied) => {
        false
    };
}

pub(super) use {optional, preset_table, tied};

/// So many query heads, KV heads, and values in a head.
pub(super) const fn grouped(heads: u32, kv_heads: u32, head_dim: u32) -> Attention {
    Attention::Grouped { heads, kv_heads, head_dim }
}

/// No experts.
pub(super) const fn dense(size: u32) -> FeedForward {
    FeedForward::dense(size)
}

/// In every layer `used` of `count` experts, and what all tokens share.
pub(super) const fn experts(count: u32, used: u32, size: u32, shared_size: u32) -> FeedForward {
    FeedForward {
        size: 0,
        experts: Some(Experts { count, used, size, shared_size, dense_layers: 0, every: 1 }),
    }
}

/// A window in all layers of a period but the last.
pub(super) const fn sliding_but_every(period: u32, window: u32) -> Sliding {
    Sliding { window, layers: Layers::EveryExcept { period, offset: period - 1 } }
}
