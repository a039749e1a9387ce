//! The KV cache against llama.cpp's own projection and measurements.

use super::super::{KvCacheType, LlamaCpp, Quantization, Request, estimate};
use super::{architecture, rows};

#[test]
fn kv_cache_is_llama_cpps() {
    let mut compared = 0;
    for row in rows(include_str!("fixtures/llamacpp_fitparams.csv")) {
        let architecture = architecture(row[0]);
        let (total, slots): (u32, u32) = (row[1].parse().unwrap(), row[2].parse().unwrap());
        let request = Request {
            parallel_sequences: slots,
            kv: row[3].parse().unwrap(),
            ..Request::new(&architecture, Quantization::F16, total / slots)
        };
        assert_eq!(LlamaCpp::context_tokens(total / slots, slots), Ok(total));
        let ours = estimate(&request).unwrap().kv_cache.get() >> 20;
        assert_eq!(ours.to_string(), row[6], "{row:?}: it cuts to whole MiB");
        compared += 1;
    }
    assert_eq!(compared, 9 * 18, "the fixture lost rows");
}

/// Measured on SmolLM2-135M with llama.cpp's CPU backend: total context, KV cache in MiB.
#[test]
fn kv_cache_of_smollm2_135m_is_the_measured() {
    let measured = [
        (2048, KvCacheType::F16, 45),
        (32768, KvCacheType::F16, 720),
        (32768, KvCacheType::Q8_0, 382),
        (65536, KvCacheType::F16, 1440),
        (65536, KvCacheType::Q4_0, 405),
    ];
    let architecture = architecture("smollm2-135m");
    for (context, kv, mib) in measured {
        let request = Request { kv, ..Request::new(&architecture, Quantization::Q4_1, context) };
        assert_eq!(estimate(&request).unwrap().kv_cache.get() >> 20, mib, "{context} {kv}");
    }
}

/// llama.cpp allocates in steps of 256 cells a sequence, and so must the flags.
#[test]
fn context_is_rounded_up_for_each_sequence() {
    assert_eq!(LlamaCpp::context_tokens(1000, 3), Ok(3 * 1024));
}
