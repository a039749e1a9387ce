//! What must hold for any input.

use proptest::prelude::*;

use super::super::checkpoint::Format;
use super::super::{
    Architecture, Attention, Bytes, Engine, Estimate, Experts, Family, FeedForward, KvCacheType, Layers,
    LlamaCpp, Logits, Quantization, Recurrent, RecurrentKind, Request, Sglang, Sliding, Vllm, alternatives,
    estimate, preset, presets,
};

fn quantization() -> impl Strategy<Value = Quantization> {
    prop::sample::select(Quantization::ALL)
}

fn kv() -> impl Strategy<Value = KvCacheType> {
    prop::sample::select(KvCacheType::ALL).prop_filter("llama.cpp's own", |kv| *kv != KvCacheType::FP8)
}

fn known() -> impl Strategy<Value = &'static Architecture> {
    prop::sample::select(presets().iter().map(|preset| &preset.architecture).collect::<Vec<_>>())
}

/// Small numbers as often as absurd ones.
fn number() -> impl Strategy<Value = u32> {
    prop_oneof![0_u32..64, (0_u32..1024).prop_map(|n| n * 32), any::<u32>()]
}

fn attention() -> impl Strategy<Value = Attention> {
    let grouped = (number(), number(), number()).prop_map(|(heads, kv_heads, head_dim)| Attention::Grouped {
        heads,
        kv_heads,
        head_dim,
    });
    let latent = (prop::option::of(number()), [number(), number(), number(), number(), number()]).prop_map(
        |(query_rank, [heads, kv_rank, nope_dim, rope_dim, value_dim])| Attention::Latent {
            heads,
            query_rank,
            kv_rank,
            nope_dim,
            rope_dim,
            value_dim,
        },
    );
    prop_oneof![3 => grouped, 1 => latent]
}

fn layers() -> impl Strategy<Value = Layers> {
    prop_oneof![
        Just(Layers::All),
        Just(Layers::None),
        (number(), number()).prop_map(|(period, offset)| Layers::EveryExcept { period, offset }),
        prop::collection::vec(any::<bool>(), 0..40).prop_map(Layers::List),
    ]
}

fn recurrent() -> impl Strategy<Value = Recurrent> {
    let kind = (0..3, [number(), number(), number(), number(), number()]).prop_map(
        |(kind, [inner, state, conv, groups, heads])| match kind {
            0 => RecurrentKind::Mamba { inner, state, conv, dt_rank: heads },
            1 => RecurrentKind::Mamba2 { inner, state, conv, groups, heads },
            _ => RecurrentKind::GatedDelta {
                key_heads: groups,
                value_heads: heads,
                key_dim: state,
                value_dim: inner,
                conv,
            },
        },
    );
    (kind, layers()).prop_map(|(kind, layers)| Recurrent { kind, layers })
}

fn feed_forward() -> impl Strategy<Value = FeedForward> {
    let experts = [number(), number(), number(), number(), number(), number()].prop_map(
        |[count, used, size, shared_size, dense_layers, every]| Experts {
            count,
            used,
            size,
            shared_size,
            dense_layers,
            every,
        },
    );
    (number(), prop::option::of(experts)).prop_map(|(size, experts)| FeedForward { size, experts })
}

/// Any dimensions at all.
fn anything() -> impl Strategy<Value = Architecture> {
    let family = prop::sample::select(Family::ALL);
    let sliding = (number(), layers()).prop_map(|(window, layers)| Sliding { window, layers });
    let parts = (
        attention(),
        feed_forward(),
        prop::option::of(recurrent()),
        prop::option::of(sliding),
        any::<bool>(),
    );
    (family, [number(), number(), number()], parts).prop_map(|(family, [layers, hidden, vocab], parts)| {
        let (attention, feed_forward, recurrent, sliding, tied_embeddings) = parts;
        Architecture {
            family,
            layers,
            hidden,
            vocab,
            attention,
            sliding,
            recurrent,
            feed_forward,
            tied_embeddings,
            context_window: 4096,
            vision: None,
        }
    })
}

/// Every way that checkpoints are stored.
fn format() -> impl Strategy<Value = Format> {
    let names = Format::names().chain(["EXL2-4.25", "EXL3-3.5"]);
    prop::sample::select(names.map(|name| name.parse().expect(name)).collect::<Vec<_>>())
}

fn terms_add_up(estimate: &Estimate) -> bool {
    let sum: u64 = estimate.terms().iter().map(|(_, bytes)| bytes.get()).sum();
    sum == estimate.total().get()
}

proptest! {
    #[test]
    fn nothing_panics_and_terms_add_up(
        architecture in anything(),
        quantization in quantization(),
        kv in kv(),
        context_tokens in any::<u32>(),
        parallel_sequences in prop_oneof![1_u32..64, any::<u32>()],
        ubatch_tokens in any::<u32>(),
        logits in prop::sample::select(vec![Logits::PerSequence, Logits::PerToken]),
        room in any::<u64>(),
    ) {
        let engine = Engine::LlamaCpp(LlamaCpp { ubatch_tokens, logits, ..LlamaCpp::default() });
        let request = Request {
            parallel_sequences, kv, engine, ..Request::new(&architecture, quantization, context_tokens)
        };
        if let Ok(estimate) = estimate(&request) {
            prop_assert!(terms_add_up(&estimate));
        }
        for alternative in alternatives(&request, Bytes::new(room)) {
            prop_assert!(alternative.per_gpu.get() <= room);
        }
    }

    #[test]
    fn more_context_or_slots_never_need_less(
        architecture in known(),
        quantization in quantization(),
        kv in kv(),
        context in 1_u32..1_000_000,
        more_context in 0_u32..1_000_000,
        slots in 1_u32..128,
        more_slots in 0_u32..128,
    ) {
        let small = Request { parallel_sequences: slots, kv, ..Request::new(architecture, quantization, context) };
        let large = Request {
            context_tokens: context + more_context,
            parallel_sequences: slots + more_slots,
            ..small
        };
        let (small, large) = (estimate(&small).unwrap(), estimate(&large).unwrap());
        for (name, less, more) in [
            ("weights", small.weights, large.weights),
            ("kvCache", small.kv_cache, large.kv_cache),
            ("state", small.state, large.state),
        ] {
            prop_assert!(less <= more, "{}: {} {}", name, less, more);
        }
        // The engine's planner may find a better place for a larger tensor, and deals tokens evenly to slots.
        let slack = small.compute.get() / 2;
        prop_assert!(small.total().get() <= large.total().get() + slack);
    }

    #[test]
    fn checkpoints_of_anything_add_up(
        architecture in anything(),
        format in format(),
        kv in prop::sample::select(vec![KvCacheType::BF16, KvCacheType::FP8, KvCacheType::Q8_0]),
        context_tokens in number(),
        parallel_sequences in number(),
        gpus in prop_oneof![1_u32..9, any::<u32>()],
        sglang in any::<bool>(),
    ) {
        let engine =
            if sglang { Engine::Sglang(Sglang::default()) } else { Engine::Vllm(Vllm::default()) };
        let request =
            Request { parallel_sequences, kv, engine, gpus, ..Request::new(&architecture, format, context_tokens) };
        if let Ok(estimate) = estimate(&request) {
            prop_assert!(terms_add_up(&estimate));
            prop_assert!(estimate.per_gpu <= estimate.total() && estimate.weights <= estimate.total());
        }
    }

    #[test]
    fn any_name_gets_an_answer(name in ".{0,40}") {
        match preset(&name) {
            Ok(preset) => prop_assert!(preset.name.eq_ignore_ascii_case(&name)),
            Err(unknown) => prop_assert_eq!(unknown.nearest.len(), 3),
        }
    }
}
