//! vLLM and SGLang: the KV cache, the flags, what is refused.

use proptest::prelude::*;

use super::super::checkpoint::Format;
use super::super::{
    Architecture, Assumption, Bytes, Engine, EngineVersion, KvCacheType, Layers, Quantization, Request,
    Sglang, SizingError, Sliding, Vllm, estimate, presets,
};
use super::architecture;

const CARD: Bytes = Bytes::from_mib(81_090);

fn vllm(a: &Architecture, change: impl FnOnce(&mut Request<'_>)) -> Request<'_> {
    let format: Format = "BF16".parse().unwrap();
    let mut request = Request { engine: Engine::Vllm(Vllm::default()), ..Request::new(a, format, 8192) };
    change(&mut request);
    request
}

fn kv(request: &Request<'_>) -> u64 {
    estimate(request).unwrap().kv_cache.get()
}

/// llm-d-benchmark: 28.20 GiB held 184,832 tokens of Mistral Small, 163,840 bytes each.
#[test]
fn a_token_takes_what_vllm_says() {
    let model = Architecture {
        layers: 40,
        hidden: 5120,
        attention: super::grouped(32, 8, 128),
        ..architecture("llama-3.1-8b")
    };
    assert_eq!(kv(&vllm(&model, |_| ())), 8192 * 163_840);
    assert_eq!(kv(&vllm(&model, |request| request.kv = KvCacheType::FP8)), 8192 * 81_920);
    assert_eq!(kv(&vllm(&model, |request| request.context_tokens = 8177)), 8192 * 163_840, "whole pages");
    assert_eq!(kv(&vllm(&model, |request| request.parallel_sequences = 3)), 3 * 8192 * 163_840);
}

#[test]
fn gpus_share_heads_but_each_has_one() {
    let model = architecture("qwen2.5-7b");
    let on = |gpus| kv(&vllm(&model, |request| request.gpus = gpus));
    assert_eq!(on(2), on(1));
    assert_eq!(on(4), on(1));
    assert_eq!(on(8), 2 * on(1), "4 KV heads on 8 GPUs are kept twice");
}

#[test]
fn windows_are_kept_by_the_hybrid_manager_only() {
    let plain = architecture("llama-3.1-8b");
    let sliding = Sliding { window: 1024, layers: Layers::EveryExcept { period: 2, offset: 1 } };
    let model = Architecture { sliding: Some(sliding), ..plain.clone() };
    let on = |a: &Architecture, version: &str| {
        let version = version.parse().unwrap();
        kv(&vllm(a, |request| {
            request.context_tokens = 65_536;
            request.engine = Engine::Vllm(Vllm { version, ..Vllm::default() });
        }))
    };
    assert_eq!(on(&model, "0.9.2"), on(&plain, "0.9.2"));
    // Half of the layers keep the window, a pass of 2048 tokens, and a page more.
    let pages = 16 * (65_536 / 16) + 16 * ((1023 + 2048_u64).div_ceil(16) + 1);
    assert_eq!(on(&model, "0.10"), pages * 16 * 4096);
}

/// Gemma 3 4B: 29 sliding layers in groups of 5 are counted as 30.
#[test]
fn groups_of_layers_are_filled_up() {
    let sliding = Sliding { window: 1024, layers: Layers::EveryExcept { period: 6, offset: 5 } };
    let model = Architecture { layers: 34, sliding: Some(sliding), ..architecture("llama-3.1-8b") };
    let pages = 5 * (131_072 / 16) + 30 * ((1023 + 2048_u64).div_ceil(16) + 1);
    assert_eq!(kv(&vllm(&model, |request| request.context_tokens = 131_072)), pages * 16 * 4096);
}

#[test]
fn the_least_fraction_that_holds_all_sequences() {
    let model = architecture("llama-3.1-8b");
    let request = vllm(&model, |request| request.parallel_sequences = 4);
    let flags = Vllm::default().flags(&request, CARD).unwrap();
    let estimate = estimate(&request).unwrap();
    let share = flags.gpu_memory_utilization.thousandths() as f64 / 1000.0;
    // All but the CUDA context, and a hundredth more.
    let covered = (estimate.per_gpu.get() - Bytes::from_mib(645).get()) as f64 / CARD.get() as f64;
    assert!(share >= covered && share < covered * 1.01 + 0.0011, "{share} of {covered}");
    let args = flags.args();
    for expected in ["--max-model-len=8192", "--max-num-seqs=4", "--kv-cache-dtype=auto", "--block-size=16"] {
        assert!(args.iter().any(|arg| arg == expected), "{args:?}");
    }
    let fp8 = Request { kv: KvCacheType::FP8, ..request };
    let flags = Vllm { eager: true, ..Vllm::default() }.flags(&fp8, CARD).unwrap();
    let args = flags.args().join(" ");
    assert!(args.contains("--kv-cache-dtype=fp8") && args.ends_with("--enforce-eager"), "{args}");
}

#[test]
fn graphs_count_inside_the_fraction_only_since_0_21() {
    let model = architecture("llama-3.1-8b");
    let flags = |minor| {
        let engine = Vllm { version: EngineVersion::new(0, minor, 0), ..Vllm::default() };
        let request = vllm(&model, |request| request.engine = Engine::Vllm(engine));
        (engine.flags(&request, CARD).unwrap().gpu_memory_utilization, estimate(&request).unwrap().per_gpu)
    };
    let ((before, need_before), (since, need_since)) = (flags(20), flags(21));
    assert_eq!(need_before, need_since);
    assert!(before < since);
}

#[test]
fn a_card_that_is_too_small_is_named_with_the_need() {
    let model = architecture("qwen2.5-14b");
    let request = vllm(&model, |_| ());
    let card = Bytes::from_mib(24_000);
    let need = estimate(&request).unwrap().per_gpu;
    assert_eq!(Vllm::default().flags(&request, card), Err(SizingError::CardTooSmall { need, card }));
    assert_eq!(
        SizingError::CardTooSmall { need: Bytes::from_mib(30_720), card }.to_string(),
        "30.0 GiB are needed on each GPU, and a card has 23.4 GiB"
    );
}

#[test]
fn what_the_engines_do_not_load_is_refused() {
    let model = architecture("llama-3.1-8b");
    for engine in [Engine::Vllm(Vllm::default()), Engine::Sglang(Sglang::default())] {
        let gguf = vllm(&model, |request| {
            request.engine = engine;
            request.weights = Quantization::Q4_K_M.into();
        });
        let message = estimate(&gguf).unwrap_err().to_string();
        assert!(message.contains("does not load GGUF files (Q4_K_M)"), "{message}");
        let cache = vllm(&model, |request| {
            request.engine = engine;
            request.kv = KvCacheType::Q8_0;
        });
        assert!(matches!(estimate(&cache), Err(SizingError::KvOfOtherEngine { .. })));
    }
}

#[test]
fn a_release_outside_the_table_is_said() {
    let model = architecture("llama-3.1-8b");
    let assumed = |text: &str| {
        let version = text.parse().unwrap();
        let request = vllm(&model, |request| {
            request.engine = Engine::Vllm(Vllm { version, ..Vllm::default() });
        });
        estimate(&request).unwrap().assumptions
    };
    assert_eq!(assumed("0.11.2"), []);
    for text in ["0.5.0", "1.0", "v0.99.0rc1"] {
        let assumptions = assumed(text);
        assert!(matches!(assumptions[..], [Assumption::EngineVersion { engine: "vLLM", .. }]), "{text}");
    }
    for text in ["", "v", "0", "x.y", "0.x", "99999999999.1"] {
        assert!(text.parse::<EngineVersion>().is_err(), "{text}");
    }
    assert_eq!("v0.6.4.post1".parse(), Ok(EngineVersion::new(0, 6, 4)));
}

/// server_args.py: 512 MiB, 1.5 MiB for each token of a chunk, 2 for each sequence with a graph, 128 a GPU.
#[test]
fn sglang_keeps_free_what_its_own_rule_does() {
    let model = architecture("llama-3.1-8b");
    let engine = Sglang { chunk_tokens: 8192, ..Sglang::default() };
    let request = vllm(&model, |request| {
        request.engine = Engine::Sglang(engine);
        request.parallel_sequences = 16;
    });
    let found = estimate(&request).unwrap();
    assert_eq!(found.compute, Bytes::from_mib(12_288));
    assert_eq!(found.runtime, Bytes::from_mib(512 + 32 + 128 + 645));
    let args = engine.flags(&request, CARD).unwrap().args();
    for expected in ["--max-running-requests=16", "--max-total-tokens=131072", "--chunked-prefill-size=8192"]
    {
        assert!(args.iter().any(|arg| arg == expected), "{args:?}");
    }
    let card = Bytes::from_mib(24_000);
    assert!(matches!(engine.flags(&request, card), Err(SizingError::CardTooSmall { .. })));
}

proptest! {
    /// Whatever is asked for: an answer, and never flags for a card that is too small.
    #[test]
    fn any_counts_get_an_answer(
        model in prop::sample::select(presets().iter().map(|preset| &preset.architecture).collect::<Vec<_>>()),
        format in prop::sample::select(Format::names().collect::<Vec<_>>()),
        [context_tokens, parallel_sequences, gpus, tokens, block_tokens] in any::<[u32; 5]>(),
        few in any::<bool>(),
        card in any::<u64>(),
    ) {
        let few_or = |count: u32| if few { count % 16 } else { count };
        let card = Bytes::new(if few { card % (1 << 38) } else { card });
        let format: Format = format.parse().unwrap();
        let request = Request {
            parallel_sequences: few_or(parallel_sequences),
            gpus: few_or(gpus),
            ..Request::new(model, format, context_tokens)
        };
        let vllm = Vllm { batched_tokens: tokens, block_tokens, ..Vllm::default() };
        let sglang = Sglang { chunk_tokens: tokens, graph_sequences: block_tokens, ..Sglang::default() };
        let fits = |engine| {
            let need = estimate(&Request { engine, ..request }).map(|estimate| estimate.per_gpu);
            need.is_ok_and(|need| need <= card)
        };
        prop_assert!(vllm.flags(&request, card).is_err() || fits(Engine::Vllm(vllm)));
        prop_assert!(sglang.flags(&request, card).is_err() || fits(Engine::Sglang(sglang)));
    }
}
