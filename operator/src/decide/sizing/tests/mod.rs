//! Tests against llama.cpp's own figures, and of what must hold for any input.

mod alternatives;
mod compute;
mod kv;
mod properties;
mod refusals;
mod weights;

use super::{Architecture, Bytes, Family, preset};

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
            ffn: 17920,
            heads: 40,
            kv_heads: 10,
            head_dim: 128,
            vocab: 100_352,
            tied_embeddings: false,
            context_window: 16384,
        },
        "llama-3.1-70b" => {
            Architecture { layers: 80, hidden: 8192, ffn: 28672, heads: 64, ..architecture("llama-3.1-8b") }
        }
        "wide-attention" => Architecture {
            layers: 4,
            hidden: 1024,
            ffn: 1024,
            heads: 64,
            vocab: 8192,
            ..architecture("llama-3.1-8b")
        },
        preset_name => preset(preset_name).unwrap().architecture.clone(),
    }
}

fn mib(bytes: Bytes) -> f64 {
    bytes.get() as f64 / f64::from(1 << 20)
}
