//! Tests against llama.cpp's own figures, and of what must hold for any input.

mod adapters;
mod alternatives;
mod buffers;
mod checkpoint;
mod compute;
mod kv;
mod models;
mod naive;
mod presets;
mod properties;
mod refusals;
mod vllm;
mod weights;

use super::{Attention, Bytes};
use models::architecture;

/// Rows of a fixture: comments and the header left out, cut at commas.
fn rows(fixture: &'static str) -> impl Iterator<Item = Vec<&'static str>> {
    fixture.lines().filter(|line| !line.starts_with('#')).skip(1).map(|line| line.split(',').collect())
}

fn mib(bytes: Bytes) -> f64 {
    bytes.get() as f64 / f64::from(1 << 20)
}

fn grouped(heads: u32, kv_heads: u32, head_dim: u32) -> Attention {
    Attention::Grouped { heads, kv_heads, head_dim }
}
