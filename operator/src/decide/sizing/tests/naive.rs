//! What the formula that every guide has says of the KV cache: 2 × layers × KV heads × hidden / heads, 16 bits
//! each, for every token. It knows neither windows nor head sizes nor latent attention.

use super::super::{Attention, Quantization, Request, estimate};
use super::architecture;

/// The formula's error in percent for one sequence of so many tokens, against what llama.cpp keeps.
fn error(name: &str, tokens: u32) -> f64 {
    let a = architecture(name);
    let (heads, kv_heads) = match a.attention {
        Attention::Grouped { heads, kv_heads, .. } => (heads, kv_heads),
        // Those who apply it to a latent vector count one head.
        Attention::Latent { heads, .. } => (heads, 1),
    };
    let naive = 2.0 * f64::from(a.layers) * f64::from(kv_heads) * f64::from(a.hidden / heads) * 2.0;
    let kept = estimate(&Request::new(&a, Quantization::Q4_K_M, tokens)).unwrap().kv_cache.get() as f64;
    100.0 * (naive * f64::from(tokens) / kept - 1.0)
}

#[test]
fn head_sizes_that_are_not_hidden_by_heads() {
    assert!((error("qwen3-0.6b", 8192) + 50.0).abs() < 0.1);
}

#[test]
fn latent_attention() {
    assert!((error("deepseek-v3.1", 8192) + 80.6).abs() < 0.1);
}

/// 682 % by the window alone; llama.cpp keeps the window and one pass, which makes it 667 %.
#[test]
fn windows_over_a_long_context() {
    assert!((error("gemma-3-27b", 131_072) - 667.0).abs() < 1.0, "{}", error("gemma-3-27b", 131_072));
}
