//! The models of the fixtures.

use super::super::{Architecture, Experts, Family, FeedForward, Layers, Recurrent, RecurrentKind, preset};
use super::grouped;

/// A preset's dimensions, or those of a model that only the fixtures have.
pub(super) fn architecture(name: &str) -> Architecture {
    match name {
        "wide-attention" => Architecture {
            layers: 4,
            hidden: 1024,
            attention: grouped(64, 8, 128),
            feed_forward: FeedForward::dense(1024),
            vocab: 8192,
            ..architecture("llama-3.1-8b")
        },
        "llama-2-13b" => Architecture {
            layers: 40,
            hidden: 5120,
            attention: grouped(40, 40, 128),
            feed_forward: FeedForward::dense(13824),
            vocab: 32000,
            ..architecture("llama-3.1-8b")
        },
        "qwen2-57b-a14b" => Architecture {
            vocab: 151_936,
            feed_forward: FeedForward {
                size: 0,
                experts: Some(Experts {
                    count: 64,
                    used: 8,
                    size: 2560,
                    shared_size: 20480,
                    dense_layers: 0,
                    every: 1,
                }),
            },
            ..architecture("qwen2.5-7b")
        },
        "falcon-h1-1.5b" => Architecture {
            family: Family::FalconH1,
            layers: 24,
            hidden: 2048,
            vocab: 65537,
            attention: grouped(8, 2, 128),
            recurrent: Some(Recurrent {
                kind: RecurrentKind::Mamba2 { inner: 3072, state: 256, conv: 4, groups: 1, heads: 48 },
                layers: Layers::All,
            }),
            feed_forward: FeedForward::dense(4096),
            ..architecture("llama-3.1-8b")
        },
        "jamba-mini" => Architecture {
            family: Family::Jamba,
            vocab: 65536,
            recurrent: Some(Recurrent {
                kind: RecurrentKind::Mamba { inner: 8192, state: 16, conv: 4, dt_rank: 256 },
                layers: Layers::EveryExcept { period: 8, offset: 4 },
            }),
            ..architecture("llama-3.1-8b")
        },
        preset_name => preset(preset_name).unwrap().architecture.clone(),
    }
}
