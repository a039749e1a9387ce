//! Compute buffers against what llama.cpp projects and prints.

use super::super::engine::llama_cpp::compute::graph;
use super::super::engine::llama_cpp::pass::Pass;
use super::super::{Engine, KvCacheType, LlamaCpp, Logits, Quantization, Request, estimate};
use super::{architecture, mib, rows};

/// Ours and llama.cpp's in MiB, for each row of a fixture. Its context is the total over the slots.
fn compared(
    fixture: &'static str,
    logits: Logits,
    ubatch: Option<usize>,
    theirs: usize,
) -> Vec<(f64, f64, String)> {
    rows(fixture)
        .map(|row| {
            let number = |column: usize| row[column].parse::<u32>().unwrap();
            let architecture = architecture(row[0]);
            let default = LlamaCpp::default();
            let ubatch_tokens = ubatch.map_or(default.ubatch_tokens, number);
            let engine = LlamaCpp { batch_tokens: u32::MAX, ubatch_tokens, logits, ..default };
            let request = Request {
                parallel_sequences: number(2),
                engine: Engine::LlamaCpp(engine),
                ..Request::new(&architecture, Quantization::F16, number(1) / number(2))
            };
            let ours = mib(graph(&architecture, &Pass::of(&engine, &request).unwrap()).unwrap());
            (ours, row[theirs].parse().unwrap(), format!("{row:?}: {ours:.2} MiB"))
        })
        .collect()
}

#[test]
fn servers_print_what_we_compute() {
    let fixture = include_str!("fixtures/llamacpp_server_compute.csv");
    let compared = compared(fixture, Logits::PerSequence, Some(3), 4);
    assert_eq!(compared.len(), 15 * 8, "the fixture lost rows");
    for (ours, theirs, row) in compared {
        // The difference is its index inputs, 40 bytes a token.
        assert!((theirs - ours).abs() < 0.1, "{row}");
    }
}

/// The planner's gaps make its result jump by one hidden buffer; ours is its upper step.
#[test]
fn with_logits_for_every_token_never_under_and_little_over() {
    let fixture = include_str!("fixtures/llamacpp_fitparams.csv");
    let compared = compared(fixture, Logits::PerToken, None, 7);
    assert_eq!(compared.len(), 9 * 18, "the fixture lost rows");
    let mean = compared.iter().map(|(ours, theirs, _)| ours / theirs - 1.0).sum::<f64>() / 162.0;
    assert!(mean < 0.02, "{mean}");
    for (ours, theirs, row) in compared {
        assert!(ours > theirs - 1.0, "{row} is under");
        assert!(ours < theirs * 1.05, "{row} is over");
    }
}

#[test]
fn converted_keys_and_values_count_where_the_cache_is_not_f16() {
    let architecture = architecture("llama-3.1-8b");
    let of = |kv| {
        let request = Request { kv, ..Request::new(&architecture, Quantization::Q4_K_M, 32768) };
        estimate(&request).unwrap().compute.get()
    };
    // 32,768 cells of 1,024 keys and as many values, 2 bytes each.
    assert_eq!(of(KvCacheType::Q8_0) - of(KvCacheType::F16), 128 << 20);
}
