//! Tests against llama.cpp's own figures, and of what must hold for any input.

mod alternatives;
mod checkpoint;
mod compute;
mod kv;
mod properties;
mod refusals;
mod vllm;
mod weights;

use super::{Architecture, Attention, Bytes, Family, FeedForward, preset};

/// Rows of a fixture: comments and the header left out, cut at commas.
fn rows(fixture: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    fixture.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split(',').collect())
}

/// A preset's dimensions, or those of a model that only the fixtures have.
fn architecture(name: &str) -> Architecture {
    match name {
        "phi-4" => Architecture {
            family: Family::Phi3,
            layers: 40,
            hidden: 5120,
            attention: grouped(40, 10, 128),
            feed_forward: FeedForward::dense(17920),
            vocab: 100_352,
            context_window: 16384,
            ..architecture("llama-3.1-8b")
        },
        "llama-3.1-70b" => Architecture {
            layers: 80,
            hidden: 8192,
            attention: grouped(64, 8, 128),
            feed_forward: FeedForward::dense(28672),
            ..architecture("llama-3.1-8b")
        },
        "wide-attention" => Architecture {
            layers: 4,
            hidden: 1024,
            attention: grouped(64, 8, 128),
            feed_forward: FeedForward::dense(1024),
            vocab: 8192,
            ..architecture("llama-3.1-8b")
        },
        preset_name => preset(preset_name).unwrap().architecture.clone(),
    }
}

fn mib(bytes: Bytes) -> f64 {
    bytes.get() as f64 / f64::from(1 << 20)
}

fn grouped(heads: u32, kv_heads: u32, head_dim: u32) -> Attention {
    Attention::Grouped { heads, kv_heads, head_dim }
}
