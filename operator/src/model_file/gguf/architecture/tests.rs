use super::architecture;
use crate::decide::sizing::{
    Architecture, Attention, Experts, FeedForward, Layers, Recurrent, RecurrentKind, Sliding,
};
use crate::model_file::Note;
use crate::model_file::gguf::{GgufError, Parser};
use crate::model_file::read::Reach;
use crate::model_file::testing::GgufHead;

/// A head of `name` with the keys that every architecture needs, and `keys` besides.
fn head(name: &str, layers: u32, keys: &[(&str, u32)]) -> GgufHead {
    let common =
        [("block_count", layers), ("context_length", 4096), ("embedding_length", 2048), ("vocab_size", 1000)];
    let head = GgufHead::new().text("general.architecture", name);
    common.iter().chain(keys).fold(head, |head, (key, value)| head.number(&format!("{name}.{key}"), *value))
}

fn read(head: &GgufHead) -> Result<(Architecture, Vec<Note>), GgufError> {
    let bytes = head.bytes();
    let mut parser = Parser::new(Reach::Tensors);
    parser.feed(&bytes).unwrap();
    architecture(&parser.finish(bytes.len() as u64).unwrap())
}

fn told(name: &str, layers: u32, keys: &[(&str, u32)]) -> Architecture {
    read(&head(name, layers, keys)).unwrap().0
}

const HEADS: [(&str, u32); 2] = [("attention.head_count", 16), ("attention.head_count_kv", 4)];
const DENSE: [(&str, u32); 3] = [HEADS[0], HEADS[1], ("feed_forward_length", 8192)];

fn with(keys: &[(&'static str, u32)], more: &[(&'static str, u32)]) -> Vec<(&'static str, u32)> {
    [keys, more].concat()
}

#[test]
fn plain_models() {
    let llama = told("llama", 24, &DENSE);
    assert_eq!((llama.layers, llama.hidden, llama.vocab, llama.context_window), (24, 2048, 1000, 4096));
    assert_eq!(llama.attention, Attention::Grouped { heads: 16, kv_heads: 4, head_dim: 128 });
    assert_eq!(llama.feed_forward, FeedForward::dense(8192));
    assert_eq!((llama.sliding, llama.recurrent), (None, None));

    let stated =
        told("qwen3", 24, &with(&DENSE, &[("attention.key_length", 64), ("attention.value_length", 64)]));
    assert_eq!(stated.attention, Attention::Grouped { heads: 16, kv_heads: 4, head_dim: 64 });
    let all_heads = told("llama", 24, &[("attention.head_count", 16), ("feed_forward_length", 8)]);
    assert_eq!(all_heads.attention, Attention::Grouped { heads: 16, kv_heads: 16, head_dim: 128 });
}

#[test]
fn an_unknown_architecture_is_said() {
    let (_, notes) = read(&head("novel", 24, &DENSE)).unwrap();
    assert_eq!(notes, [Note::UnknownArchitecture { name: "novel".to_owned() }]);
}

#[test]
fn windows_that_the_engine_applies() {
    let window = |name, keys: &[(&'static str, u32)]| told(name, 26, &with(&DENSE, keys)).sliding;
    let sliding =
        |window, period| Some(Sliding { window, layers: Layers::EveryExcept { period, offset: period - 1 } });
    assert_eq!(window("gemma2", &[]), sliding(4096, 2));
    assert_eq!(window("gemma3", &[("attention.sliding_window", 1024)]), sliding(1024, 6));
    assert_eq!(window("gemma3", &[]), None);
    let stated = [("attention.sliding_window", 512), ("attention.sliding_window_pattern", 3)];
    assert_eq!(window("gemma3", &stated), sliding(512, 3));
    assert_eq!(window("phi3", &[("attention.sliding_window", 2047)]), None, "llama.cpp runs Phi-3 without");
    assert_eq!(
        window("llama", &[("attention.sliding_window", 4096)]),
        None,
        "llama.cpp runs Mistral without"
    );

    let marks = [true, true, false].repeat(8);
    let marked = head("novel", 24, &with(&DENSE, &[("attention.sliding_window", 128)]))
        .flags("novel.attention.sliding_window_pattern", &marks);
    let (marked, _) = read(&marked).unwrap();
    assert_eq!(marked.sliding, Some(Sliding { window: 128, layers: Layers::List(marks) }));
}

#[test]
fn experts() {
    let mixtral = told("llama", 32, &with(&DENSE, &[("expert_count", 8), ("expert_used_count", 2)]));
    let experts = Experts { count: 8, used: 2, size: 8192, shared_size: 0, dense_layers: 0, every: 1 };
    assert_eq!(mixtral.feed_forward, FeedForward { size: 0, experts: Some(experts) });

    let more = [("expert_count", 128), ("expert_used_count", 8), ("expert_feed_forward_length", 768)];
    let qwen = told("qwen3moe", 48, &with(&DENSE, &more));
    let experts = Experts { count: 128, used: 8, size: 768, shared_size: 0, dense_layers: 0, every: 1 };
    assert_eq!(qwen.feed_forward, FeedForward { size: 0, experts: Some(experts) });

    let shared =
        told("qwen2moe", 48, &with(&DENSE, &with(&more, &[("expert_shared_feed_forward_length", 5632)])));
    assert_eq!(shared.feed_forward.experts.map(|experts| experts.shared_size), Some(5632));
}

#[test]
fn latent_attention() {
    // DeepSeek-V3, as converted since 2025.
    let keys = [
        ("attention.head_count", 128),
        ("attention.head_count_kv", 1),
        ("attention.key_length", 576),
        ("attention.value_length", 512),
        ("attention.key_length_mla", 192),
        ("attention.value_length_mla", 128),
        ("attention.q_lora_rank", 1536),
        ("attention.kv_lora_rank", 512),
        ("rope.dimension_count", 64),
        ("feed_forward_length", 18432),
        ("expert_count", 256),
        ("expert_used_count", 8),
        ("expert_feed_forward_length", 2048),
        ("expert_shared_count", 1),
        ("leading_dense_block_count", 3),
        ("nextn_predict_layers", 1),
    ];
    let model = told("deepseek2", 62, &keys);
    let latent = Attention::Latent {
        heads: 128,
        query_rank: Some(1536),
        kv_rank: 512,
        nope_dim: 128,
        rope_dim: 64,
        value_dim: 128,
    };
    assert_eq!((model.layers, model.attention), (61, latent));
    let experts = Experts { count: 256, used: 8, size: 2048, shared_size: 2048, dense_layers: 3, every: 1 };
    assert_eq!(model.feed_forward, FeedForward { size: 18432, experts: Some(experts) });
}

#[test]
fn files_from_before_latent_caches_keep_whole_keys_and_values() {
    let keys = [
        ("attention.key_length", 192),
        ("attention.value_length", 128),
        ("attention.kv_lora_rank", 512),
        ("rope.dimension_count", 64),
    ];
    let (model, notes) = read(&head("deepseek2", 27, &with(&DENSE, &keys))).unwrap();
    assert_eq!(model.attention, Attention::Grouped { heads: 16, kv_heads: 4, head_dim: 192 });
    assert!(notes.contains(&Note::LatentAttentionExpanded));
}

const STATE: [(&str, u32); 5] = [
    ("ssm.inner_size", 4096),
    ("ssm.state_size", 128),
    ("ssm.conv_kernel", 4),
    ("ssm.time_step_rank", 32),
    ("ssm.group_count", 16),
];

#[test]
fn recurrent_layers() {
    let mamba = told("mamba", 48, &STATE).recurrent;
    let kind = RecurrentKind::Mamba { inner: 4096, state: 128, conv: 4, dt_rank: 32 };
    assert_eq!(mamba, Some(Recurrent { kind, layers: Layers::All }));

    let next = told("qwen3next", 48, &with(&DENSE, &STATE)).recurrent;
    let kind =
        RecurrentKind::GatedDelta { key_heads: 16, value_heads: 32, key_dim: 128, value_dim: 128, conv: 4 };
    assert_eq!(next, Some(Recurrent { kind, layers: Layers::EveryExcept { period: 4, offset: 3 } }));

    let granite = head("granitehybrid", 4, &with(&[HEADS[0], DENSE[2]], &STATE))
        .numbers("granitehybrid.attention.head_count_kv", &[0, 0, 8, 0]);
    let (granite, notes) = read(&granite).unwrap();
    let kind = RecurrentKind::Mamba2 { inner: 4096, state: 128, conv: 4, groups: 16, heads: 32 };
    let layers = Layers::List(vec![true, true, false, true]);
    assert_eq!(granite.recurrent, Some(Recurrent { kind, layers }));
    assert_eq!(granite.attention, Attention::Grouped { heads: 16, kv_heads: 8, head_dim: 128 });
    assert!(
        !notes.iter().any(|note| matches!(note, Note::VariesByLayer { .. })),
        "recurrent layers do not count"
    );
}

#[test]
fn layers_that_attend_and_recur_keep_their_heads() {
    let falcon = told("falcon-h1", 24, &with(&DENSE, &STATE));
    assert_eq!(falcon.attention, Attention::Grouped { heads: 16, kv_heads: 4, head_dim: 128 });
    assert!((0..24).all(|layer| falcon.attends(layer)), "keys and values are never left out");
    assert_eq!(falcon.recurrent.is_some(), falcon.family.is_known());
}

#[test]
fn layers_that_differ_are_said() {
    let differs =
        head("llama", 3, &[HEADS[0], DENSE[2]]).numbers("llama.attention.head_count_kv", &[2, 8, 4]);
    let (model, notes) = read(&differs).unwrap();
    assert_eq!(model.attention, Attention::Grouped { heads: 16, kv_heads: 8, head_dim: 128 });
    assert_eq!(notes, [Note::VariesByLayer { key: "llama.attention.head_count_kv".to_owned() }]);
}

#[test]
fn what_is_missing_is_named() {
    let missing = |key: &str| Err(GgufError::MissingKey { key: key.to_owned() });
    assert_eq!(read(&GgufHead::new()), missing("general.architecture"));
    assert_eq!(read(&GgufHead::new().text("general.architecture", "llama")), missing("llama.block_count"));
    assert_eq!(read(&head("llama", 2, &[DENSE[2]])), missing("llama.attention.head_count"));
    assert_eq!(read(&head("llama", 2, &HEADS)), missing("llama.feed_forward_length"));
    assert_eq!(read(&head("mamba", 2, &STATE[1..])), missing("mamba.ssm.inner_size"));
}

#[test]
fn values_that_no_model_has_are_refused() {
    let short = head("llama", 3, &[HEADS[0], DENSE[2]]).numbers("llama.attention.head_count_kv", &[2, 8]);
    assert!(
        matches!(read(&short), Err(GgufError::Value { key, .. }) if key == "llama.attention.head_count_kv")
    );
    for keys in
        [[("attention.head_count", 0), DENSE[2]], [("attention.head_count", 16), ("feed_forward_length", 0)]]
    {
        assert!(read(&head("llama", 2, &keys)).is_err(), "{keys:?}");
    }
    for layers in [5000, u32::MAX] {
        assert!(matches!(read(&head("llama", layers, &DENSE)), Err(GgufError::Architecture(_))), "{layers}");
    }
    let none = read(&head("llama", 1, &with(&DENSE, &[("nextn_predict_layers", 1)])));
    assert!(matches!(none, Err(GgufError::Value { key, .. }) if key == "llama.block_count"));
}

#[test]
fn files_of_other_kinds_are_refused() {
    let refused = |head: GgufHead| read(&head).unwrap_err();
    let kind = |kind: &str| GgufError::NotAModel { kind: kind.to_owned() };
    assert_eq!(refused(head("clip", 24, &DENSE)), kind("mmproj"));
    assert_eq!(refused(head("llama", 24, &DENSE).text("general.type", "adapter")), kind("adapter"));
}

/// Falcon-H1 keeps keys and values in its recurrent layers too: without heads its file is incomplete, not a Mamba.
#[test]
fn falcon_h1_has_heads_in_every_layer() {
    let ssm = [
        ("feed_forward_length", 8192),
        ("ssm.inner_size", 4096),
        ("ssm.state_size", 128),
        ("ssm.conv_kernel", 4),
        ("ssm.group_count", 1),
        ("ssm.time_step_rank", 64),
    ];
    let falcon = told("falcon-h1", 24, &with(&ssm, &HEADS));
    assert_eq!(falcon.attention, Attention::Grouped { heads: 16, kv_heads: 4, head_dim: 128 });
    assert!(falcon.attends(0) && falcon.recurs(0));

    let missing = read(&head("falcon-h1", 24, &ssm)).unwrap_err();
    assert_eq!(missing, GgufError::MissingKey { key: "falcon-h1.attention.head_count".to_owned() });
    let none = with(&ssm, &[("attention.head_count", 0), ("attention.head_count_kv", 0)]);
    assert!(matches!(read(&head("falcon-h1", 24, &none)), Err(GgufError::Value { .. })));
}

#[test]
fn experts_of_every_other_layer() {
    let keys = [("expert_count", 16), ("expert_used_count", 2)];
    let ssm = [
        ("ssm.inner_size", 4096),
        ("ssm.state_size", 16),
        ("ssm.conv_kernel", 4),
        ("ssm.time_step_rank", 128),
    ];
    let jamba = told("jamba", 8, &with(&with(&DENSE, &keys), &ssm)).feed_forward;
    let experts = Experts { count: 16, used: 2, size: 8192, shared_size: 0, dense_layers: 0, every: 2 };
    assert_eq!(jamba, FeedForward { size: 8192, experts: Some(experts) });
    assert_eq!((jamba.experts(0), jamba.experts(1)), (None, Some(experts)));

    let step = with(&keys, &[("interleave_moe_layer_step", 2)]);
    let every = told("llama4", 8, &with(&DENSE, &step)).feed_forward.experts.map(|experts| experts.every);
    assert_eq!(every, Some(2));
}
