//! What is refused, and whether the message says what to change.

use super::super::{
    Adapter, Architecture, Assumption, Bytes, Engine, Family, FeedForward, KvCacheType, LlamaCpp,
    Quantization, Request, SizingError, Weights, estimate, preset,
};
use super::{architecture, grouped};

fn error(change: impl FnOnce(&mut Architecture), alter: impl FnOnce(&mut Request<'_>)) -> SizingError {
    let mut architecture = architecture("llama-3.2-1b");
    change(&mut architecture);
    let mut request = Request::new(&architecture, Quantization::Q4_K_M, 4096);
    alter(&mut request);
    estimate(&request).unwrap_err()
}

#[test]
fn zeros() {
    type Change = fn(&mut Architecture);
    let fields: [(&str, Change); 8] = [
        ("layers", |a| a.layers = 0),
        ("hidden", |a| a.hidden = 0),
        ("ffn", |a| a.feed_forward = FeedForward::dense(0)),
        ("heads", |a| a.attention = grouped(0, 8, 64)),
        ("kvHeads", |a| a.attention = grouped(32, 0, 64)),
        ("headDim", |a| a.attention = grouped(32, 8, 0)),
        ("vocab", |a| a.vocab = 0),
        ("contextWindow", |a| a.context_window = 0),
    ];
    for (field, change) in fields {
        assert_eq!(error(change, |_| ()), SizingError::Zero { field });
    }
    assert_eq!(error(|_| (), |r| r.context_tokens = 0), SizingError::Zero { field: "maxTokens" });
    assert_eq!(error(|_| (), |r| r.parallel_sequences = 0), SizingError::Zero { field: "parallelSequences" });
    assert_eq!(
        error(|_| (), |r| r.engine = Engine::LlamaCpp(LlamaCpp { ubatch_tokens: 0, ..LlamaCpp::default() })),
        SizingError::Zero { field: "ubatchTokens" }
    );
}

#[test]
fn more_than_any_model_has_or_the_engine_takes() {
    let layers = error(|a| a.layers = u32::MAX, |_| ());
    assert_eq!(layers.to_string(), "layers is 4294967295; it must be at most 4096");
    let slots = error(|_| (), |r| r.parallel_sequences = 257);
    assert_eq!(slots.to_string(), "parallelSequences is 257; it must be at most 256");
    let heads = error(|a| a.attention = grouped(32, 5, 64), |_| ());
    assert_eq!(heads.to_string(), "heads is 32, which is not a multiple of kvHeads (5)");
}

#[test]
fn quantized_cache_of_odd_heads() {
    let message = error(|a| a.attention = grouped(32, 8, 80), |r| r.kv = KvCacheType::Q8_0).to_string();
    assert!(message.contains("blocks of 32 values, which do not divide headDim 80; use F16"), "{message}");
}

#[test]
fn cache_types_of_other_engines() {
    let message = error(|_| (), |r| r.kv = KvCacheType::FP8).to_string();
    assert_eq!(message, "llama.cpp has no KV cache type FP8; use F16");
}

#[test]
fn quantization_of_odd_rows() {
    let message = error(|a| a.hidden = 100, |r| r.weights = Quantization::Q4_0.into()).to_string();
    assert_eq!(message, "Q4_0 cannot store rows of 100 values (not a multiple of 32); use F16");
}

#[test]
fn more_tokens_than_the_engine_can_count() {
    for (context_tokens, parallel_sequences) in [(u32::MAX, 1), (1 << 24, 128)] {
        let refused = error(
            |_| (),
            |r| {
                r.context_tokens = context_tokens;
                r.parallel_sequences = parallel_sequences;
            },
        );
        assert!(matches!(refused, SizingError::ContextTooLong { .. }), "{refused}");
    }
}

#[test]
fn sums_beyond_64_bits() {
    const MOST: Bytes = Bytes::new(u64::MAX);
    let weights = Weights::Given { bytes: MOST, host_bytes: Bytes::new(0) };
    assert!(matches!(error(|_| (), |r| r.weights = weights), SizingError::Overflow { .. }));
    let adapters = error(|_| (), |r| r.adapters = &[Adapter::Given(MOST), Adapter::Given(MOST)]);
    assert_eq!(adapters, SizingError::Overflow { term: "adapters" });
    assert!(adapters.to_string().contains("does not fit in 64 bits"));
    let all = error(|_| (), |r| r.adapters = &[Adapter::Given(MOST)]);
    assert!(matches!(all, SizingError::Overflow { .. }), "{all}");
}

#[test]
fn an_unknown_architecture_gets_headroom_and_says_so() {
    let of = |family| {
        let architecture = Architecture { family, ..architecture("llama-3.1-8b") };
        estimate(&Request::new(&architecture, Quantization::Q4_K_M, 4096)).unwrap()
    };
    let (known, unknown) = (of(Family::Llama), of(Family::Plain));
    assert!(unknown.total().get() >= known.total().get() / 100 * 115, "{unknown:?}");
    assert!(unknown.assumptions.contains(&Assumption::UnknownFamily { percent: 15 }));
    assert!(known.assumptions.is_empty(), "{:?}", known.assumptions);
}

#[test]
fn unknown_names_list_what_there_is() {
    let unknown = preset("Llama-3.2-3").unwrap_err();
    assert_eq!(unknown.nearest[0], "llama-3.2-3b");
    assert!(
        unknown.to_string().starts_with("preset \"Llama-3.2-3\" is unknown; the nearest are llama-3.2-3b, ")
    );
    assert_eq!(preset("mistral-7b-3").unwrap_err().nearest[0], "mistral-7b-v0.3");

    let message = "Q4_K_X".parse::<Quantization>().unwrap_err().to_string();
    assert!(
        message.starts_with("quantization \"Q4_K_X\" is unknown; use one of F32, BF16, F16, Q8_0"),
        "{message}"
    );
    let message = "fp6".parse::<KvCacheType>().unwrap_err().to_string();
    assert_eq!(
        message,
        "KV cache type \"fp6\" is unknown; use one of F16, BF16, FP8, Q8_0, Q5_1, Q5_0, Q4_1, Q4_0"
    );
}

#[test]
fn names_are_read_whatever_their_case() {
    for quantization in Quantization::ALL {
        assert_eq!(quantization.to_string().to_lowercase().parse(), Ok(*quantization));
    }
    assert_eq!("q8_0".parse(), Ok(KvCacheType::Q8_0));
    assert_eq!(preset("LLAMA-3.2-1B").unwrap().name, "llama-3.2-1b");
}
