//! What is read from published configs.

use super::super::Note;
use super::{fixture, names};
use crate::decide::sizing::checkpoint::{Float, Format};
use crate::decide::sizing::{Attention, Experts, FeedForward, Layers, RecurrentKind};

#[test]
fn every_published_config_is_known() {
    for name in names() {
        let name = name.as_str();
        let facts = fixture(name);
        let unknown = facts.notes.iter().any(|note| matches!(note, Note::UnknownArchitecture { .. }));
        assert!(!unknown && facts.architecture.family.is_known(), "{name}: {:?}", facts.notes);
    }
}

#[test]
fn a_plain_model() {
    let facts = fixture("Llama-3.1-8B-Instruct");
    let a = &facts.architecture;
    assert_eq!((a.layers, a.hidden, a.vocab, a.context_window), (32, 4096, 128_256, 131_072));
    assert_eq!(a.attention, Attention::Grouped { heads: 32, kv_heads: 8, head_dim: 128 });
    assert_eq!(a.feed_forward, FeedForward::dense(14336));
    assert!(!a.tied_embeddings && a.sliding.is_none() && a.recurrent.is_none() && a.vision.is_none());
    assert_eq!(facts.format, Format::Plain(Float::Bf16));
    assert_eq!(facts.notes, []);
}

#[test]
fn an_explicit_head_size_is_not_hidden_by_heads() {
    let qwen = fixture("Qwen3-0.6B").architecture;
    assert_eq!(qwen.attention, Attention::Grouped { heads: 16, kv_heads: 8, head_dim: 128 });
    assert!(qwen.tied_embeddings);
}

#[test]
fn windows() {
    let sliding = |name: &str| fixture(name).architecture.sliding;
    let window = |name: &str| sliding(name).map(|sliding| (sliding.window, sliding.layers));
    assert_eq!(window("Mistral-7B-Instruct-v0.1"), Some((4096, Layers::All)));
    assert_eq!(window("Mistral-Small-3.2-24B-Instruct-2506"), None);
    assert_eq!(window("Qwen2.5-7B-Instruct"), None, "it is switched off");
    for (name, window, sliding_layers) in
        [("gemma-2-9b-it", 4096, 21), ("gemma-3-4b-it", 1024, 29), ("gpt-oss-20b", 128, 12)]
    {
        let architecture = fixture(name).architecture;
        let count = (0..architecture.layers).filter(|layer| architecture.window(*layer).is_some()).count();
        assert_eq!((architecture.window(0), count), (Some(window), sliding_layers), "{name}");
    }
}

#[test]
fn experts() {
    let feed_forward = |name: &str| fixture(name).architecture.feed_forward;
    let experts = |count, used, size, shared_size, dense_layers| {
        Some(Experts { count, used, size, shared_size, dense_layers, every: 1 })
    };
    assert_eq!(feed_forward("Mixtral-8x7B-Instruct-v0.1").experts, experts(8, 2, 14336, 0, 0));
    assert_eq!(feed_forward("Qwen3-30B-A3B-Instruct-2507").experts, experts(128, 8, 768, 0, 0));
    assert_eq!(feed_forward("gpt-oss-120b").experts, experts(128, 4, 2880, 0, 0));
    assert_eq!(feed_forward("granite-4.0-h-tiny").experts, experts(64, 6, 512, 1024, 0));
    let deepseek = feed_forward("DeepSeek-V3");
    assert_eq!((deepseek.size, deepseek.experts), (18432, experts(256, 8, 2048, 2048, 3)));
}

#[test]
fn latent_attention_with_and_without_compressed_queries() {
    let rank = |name: &str| match fixture(name).architecture.attention {
        Attention::Latent { query_rank, kv_rank, rope_dim, .. } => (query_rank, kv_rank, rope_dim),
        Attention::Grouped { .. } => panic!("{name} has latent attention"),
    };
    assert_eq!(rank("DeepSeek-V3"), (Some(1536), 512, 64));
    assert_eq!(rank("DeepSeek-V2-Lite"), (None, 512, 64));
    assert_eq!(fixture("DeepSeek-V3").notes, [Note::PredictionLayers { count: 1 }]);
}

#[test]
fn recurrent_layers() {
    let recurrent = |name: &str| {
        let architecture = fixture(name).architecture;
        let count = (0..architecture.layers).filter(|layer| architecture.recurs(*layer)).count();
        (architecture.recurrent.map(|recurrent| recurrent.kind), count)
    };
    let mamba = RecurrentKind::Mamba2 { inner: 3072, state: 128, conv: 4, groups: 1, heads: 48 };
    assert_eq!(recurrent("granite-4.0-h-tiny"), (Some(mamba), 36));
    let beside = RecurrentKind::Mamba2 { inner: 1536, state: 128, conv: 4, groups: 1, heads: 24 };
    assert_eq!(recurrent("Falcon-H1-0.5B-Instruct"), (Some(beside), 36));
    let gated =
        RecurrentKind::GatedDelta { key_heads: 16, value_heads: 32, key_dim: 128, value_dim: 128, conv: 4 };
    assert_eq!(recurrent("Qwen3-Next-80B-A3B-Instruct"), (Some(gated), 36));
}

/// A text model inside: what its class has by default, and the tower's published size (416.9 million for
/// SigLIP so400m with Gemma's projector of 1152 x 2560, 439 million for Pixtral with Mistral Small's).
#[test]
fn vision_parts() {
    let gemma = fixture("gemma-3-4b-it").architecture;
    assert_eq!(gemma.attention, Attention::Grouped { heads: 8, kv_heads: 4, head_dim: 256 });
    assert_eq!((gemma.vocab, gemma.tied_embeddings), (262_208, true));
    for (name, millions) in [("gemma-3-4b-it", 420.0), ("Mistral-Small-3.2-24B-Instruct-2506", 439.0)] {
        let parameters = fixture(name).architecture.vision.unwrap().parameters as f64;
        assert!((parameters / 1e6 / millions - 1.0).abs() < 0.02, "{name}: {parameters}");
    }
}
