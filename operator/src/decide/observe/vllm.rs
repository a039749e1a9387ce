//! vLLM: the lines that its worker logs after profiling, of the first rank. Other ranks take the same.

use super::Reading;
use super::text::{bytes_after, word_after};

/// Where a figure goes.
type TermOf = fn(&mut Reading) -> &mut Option<u64>;

/// A mark of vLLM's log, and the term of the figure after it. Older and newer wordings both stand here.
const LINES: [(&str, TermOf); 10] = [
    ("Model loading took ", |reading| &mut reading.weights),
    ("Loading model weights took ", |reading| &mut reading.weights),
    ("model weights take ", |reading| &mut reading.weights),
    ("Available KV cache memory: ", |reading| &mut reading.kv_cache),
    ("reserved for KV Cache is ", |reading| &mut reading.kv_cache),
    ("available_kv_cache_memory ", |reading| &mut reading.kv_cache),
    ("kv_cache_size=", |reading| &mut reading.kv_cache),
    ("PyTorch activation peak memory takes ", |reading| &mut reading.compute),
    ("PyTorch activation peak memory ", |reading| &mut reading.compute),
    ("peak activation memory: ", |reading| &mut reading.compute),
];

/// Before the version that the engine logs of itself.
const VERSIONS: [&str; 3] = ["LLM engine (v", "vLLM API server version ", "vLLM version "];

pub(super) fn read(log: &str) -> Option<Reading> {
    let mut reading = Reading::default();
    for line in log.lines() {
        for (mark, term) in LINES {
            let term = term(&mut reading);
            *term = term.or_else(|| bytes_after(line, mark));
        }
        let version = || VERSIONS.iter().find_map(|mark| word_after(line, mark)).map(str::to_owned);
        reading.version = reading.version.or_else(version);
        let architecture = || word_after(line, "Resolved architecture: ").map(str::to_owned);
        reading.architecture = reading.architecture.or_else(architecture);
    }
    reading.total().is_some().then_some(reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    const GIB: u64 = 1_073_741_824;

    #[test]
    fn lines_of_the_present_engine_are_read() {
        let log = "\
(APIServer pid=1) INFO 11-24 10:00:00 [utils.py:233] vLLM API server version 0.19.0
(APIServer pid=1) INFO 11-24 10:00:01 [model.py:530] Resolved architecture: Qwen2ForCausalLM
(EngineCore pid=9) INFO 11-24 10:00:09 [core.py:93] Initializing a V1 LLM engine (v0.19.0) with config: model='x'
(Worker_TP0 pid=11) INFO 11-24 10:00:20 [gpu_model_runner.py:3550] Model loading took 14.25 GiB memory and 5.1 seconds
(Worker_TP1 pid=12) INFO 11-24 10:00:20 [gpu_model_runner.py:3550] Model loading took 14.25 GiB memory and 5.2 seconds
(Worker_TP0 pid=11) INFO 11-24 10:00:40 [gpu_worker.py:359] Available KV cache memory: 58.50 GiB
(EngineCore pid=9) INFO 11-24 10:00:41 [kv_cache_utils.py:1229] GPU KV cache size: 1,095,808 tokens
";
        let reading = read(log).unwrap();
        assert_eq!(reading.weights, Some(GIB * 57 / 4), "one rank's share");
        assert_eq!(reading.kv_cache, Some(GIB * 117 / 2));
        assert_eq!(reading.version.as_deref(), Some("0.19.0"));
        assert_eq!(reading.architecture.as_deref(), Some("Qwen2ForCausalLM"));
    }

    #[test]
    fn the_older_engine_says_it_in_one_line() {
        let log = "INFO worker.py:267] model weights take 14.25GiB; non_torch_memory takes 0.14GiB; PyTorch activation \
                   peak memory takes 1.50GiB; the rest of the memory reserved for KV Cache is 55.50GiB.";
        let reading = read(log).unwrap();
        assert_eq!(reading.total(), Some(GIB * 285 / 4));
        assert_eq!(reading.compute, Some(GIB * 3 / 2));
    }

    #[test]
    fn lines_of_real_servers_are_read() {
        let gib = |bytes: Option<u64>| bytes.map(|bytes| (bytes as f64 / GIB as f64 * 100.0).round() / 100.0);
        let logs = [
            (include_str!("fixtures/vllm_0_6_4_table.log"), [Some(14.96), Some(53.29), Some(1.26)]),
            (include_str!("fixtures/vllm_0_6_results.log"), [Some(14.99), Some(3.81), None]),
            (include_str!("fixtures/vllm_0_8_tp16.log"), [Some(21.21), Some(1.57), Some(0.37)]),
            (include_str!("fixtures/vllm_2026_hybrid_tp2.log"), [Some(14.68), None, None]),
        ];
        for (log, wanted) in logs {
            let Reading { weights, kv_cache, compute, .. } = read(log).unwrap();
            assert_eq!([gib(weights), gib(kv_cache), gib(compute)], wanted, "{log}");
        }
    }
}
