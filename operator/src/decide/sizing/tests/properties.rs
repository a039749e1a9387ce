//! What must hold for any input.

use proptest::prelude::*;

use super::super::{
    Architecture, Attention, Bytes, Engine, Estimate, Family, FeedForward, KvCacheType, LlamaCpp, Logits,
    Quantization, Request, alternatives, estimate, preset, presets,
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

/// Any dimensions at all, small ones as often as absurd ones.
fn anything() -> impl Strategy<Value = Architecture> {
    let number = || prop_oneof![0_u32..64, (0_u32..1024).prop_map(|n| n * 32), any::<u32>()];
    let family = prop::sample::select(Family::ALL);
    (family, [number(), number(), number(), number(), number(), number(), number()], any::<bool>()).prop_map(
        |(family, [layers, hidden, ffn, heads, kv_heads, head_dim, vocab], tied_embeddings)| Architecture {
            family,
            layers,
            hidden,
            vocab,
            attention: Attention::Grouped { heads, kv_heads, head_dim },
            sliding: None,
            recurrent: None,
            feed_forward: FeedForward::dense(ffn),
            tied_embeddings,
            context_window: 4096,
            vision: None,
        },
    )
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
        prop_assert!(small.total() <= large.total());
        prop_assert_eq!(small.weights, large.weights);
    }

    #[test]
    fn any_name_gets_an_answer(name in ".{0,40}") {
        match preset(&name) {
            Ok(preset) => prop_assert!(preset.name.eq_ignore_ascii_case(&name)),
            Err(unknown) => prop_assert_eq!(unknown.nearest.len(), 3),
        }
    }
}
