//! What to change where a model does not fit.

use super::super::checkpoint::{Float, Format};
use super::super::{
    Bytes, Change, Engine, KvCacheType, Quantization, Request, Vllm, Weights, alternatives, estimate,
};
use super::architecture;

/// An RTX 3060, less what its driver keeps.
const ROOM: Bytes = Bytes::from_mib(12000);

#[test]
fn one_change_of_each_kind_that_suffices_cheapest_first() {
    let architecture = architecture("llama-3.1-8b");
    let request = Request { parallel_sequences: 4, ..Request::new(&architecture, Quantization::Q8_0, 8192) };
    assert!(estimate(&request).unwrap().total() > ROOM);
    let changes: Vec<_> =
        alternatives(&request, ROOM).into_iter().map(|a| (a.changes, a.per_gpu <= ROOM)).collect();
    assert_eq!(
        changes,
        [
            (vec![Change::KvCacheType(KvCacheType::Q8_0)], true),
            (vec![Change::Quantization(Quantization::Q6_K)], true),
            (vec![Change::ParallelSequences(2)], true),
            (vec![Change::ContextTokens(4096)], true),
            (vec![Change::KvCacheType(KvCacheType::Q4_0)], true),
            (vec![Change::Quantization(Quantization::Q3_K_M)], true),
        ]
    );
}

#[test]
fn several_changes_where_no_single_one_suffices() {
    let architecture = architecture("qwen2.5-14b");
    let request = Request { parallel_sequences: 4, ..Request::new(&architecture, Quantization::F16, 32768) };
    let found = alternatives(&request, ROOM);
    assert_eq!(found.len(), 1, "{found:?}");
    let text = found[0].to_string();
    assert!(text.starts_with("kvCacheType Q8_0 and quantization Q4_K_M and parallelSequences "), "{text}");
    assert!(found[0].per_gpu <= ROOM);
}

#[test]
fn nothing_where_nothing_helps() {
    let architecture = architecture("llama-3.1-70b");
    assert!(alternatives(&Request::new(&architecture, Quantization::Q4_K_M, 8192), ROOM).is_empty());
}

#[test]
fn a_change_is_never_to_what_is_larger_or_the_same() {
    let architecture = architecture("llama-3.2-3b");
    let request =
        Request { kv: KvCacheType::Q4_0, ..Request::new(&architecture, Quantization::Q3_K_M, 131_072) };
    for alternative in alternatives(&request, Bytes::from_mib(4000)) {
        for change in alternative.changes {
            match change {
                Change::Quantization(quantization) => assert_eq!(quantization, Quantization::Q2_K),
                Change::KvCacheType(kv) => panic!("{kv} is not smaller than Q4_0"),
                Change::ContextTokens(tokens) => assert!(tokens < 131_072),
                Change::ParallelSequences(_) => panic!("one slot cannot become fewer"),
                Change::Format(format) => panic!("{format} is no GGUF quantization"),
            }
        }
    }
}

fn served_by_vllm(format: Format, room: Bytes) -> Vec<Change> {
    let architecture = architecture("llama-3.1-8b");
    let request = Request {
        engine: Engine::Vllm(Vllm::default()),
        weights: Weights::Checkpoint(format),
        parallel_sequences: 2,
        ..Request::new(&architecture, Quantization::F16, 8192)
    };
    let found = alternatives(&request, room);
    assert!(found.iter().all(|alternative| alternative.per_gpu <= room));
    found.into_iter().flat_map(|alternative| alternative.changes).collect()
}

#[test]
fn a_checkpoint_may_have_a_smaller_format() {
    let bf16 = Format::Plain(Float::Bf16);
    let names = |room| {
        served_by_vllm(bf16, Bytes::from_mib(room)).iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    assert_eq!(names(16_000)[..1], ["format FP8"], "no other single change makes weights of 15 GiB fit");
    assert_eq!(names(9_500)[..1], ["format AWQ"]);
    let awq = served_by_vllm("AWQ".parse().unwrap(), Bytes::from_mib(7_500));
    assert!(!awq.iter().any(|change| matches!(change, Change::Format(_))), "FP8 is larger: {awq:?}");
}
