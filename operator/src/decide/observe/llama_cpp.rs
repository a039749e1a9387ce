//! llama.cpp: one line for each buffer, as `sched_reserve:      CUDA0 compute buffer size =   308.35 MiB`.
//!
//! Since May 2026 llama-server prints them only with `--log-verbosity 4`, which Flotilla passes.

use super::Reading;
use super::text::{add, bytes_after, word_after};
use std::collections::BTreeMap;

/// What follows the buffer's name, and the term it belongs to.
const TERMS: [(&str, Term); 4] = [
    (" model buffer size =", Term::Weights),
    (" KV buffer size =", Term::KvCache),
    (" RS buffer size =", Term::KvCache),
    (" compute buffer size =", Term::Compute),
];

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Term {
    Weights,
    KvCache,
    Compute,
}

pub(super) fn read(log: &str) -> Option<Reading> {
    // By where it lies and what it is for.
    let mut buffers: BTreeMap<(bool, Term), Option<u64>> = BTreeMap::new();
    // The scheduler may reserve more than once: the last figure of a device is the one that lasts.
    let mut compute: BTreeMap<&str, u64> = BTreeMap::new();
    let mut reading = Reading::default();
    for line in log.lines() {
        if let Some((name, term, bytes)) = buffer(line) {
            match term {
                Term::Compute => drop(compute.insert(name, bytes)),
                _ => add(buffers.entry((is_host(name), term)).or_default(), Some(bytes)),
            }
        }
        if line.contains("print_info:") && reading.architecture.is_none() {
            reading.architecture =
                word_after(line, " arch ").and_then(|_| word_after(line, "= ")).map(str::to_owned);
        }
        reading.version = reading.version.or_else(|| version(line));
    }
    for (name, bytes) in compute {
        add(buffers.entry((is_host(name), Term::Compute)).or_default(), Some(bytes));
    }
    // With a GPU, what lies on the host takes nothing of it; without one, the host stands in for it.
    let host = !buffers.keys().any(|(host, _)| !host);
    let term = |term| buffers.get(&(host, term)).copied().flatten();
    reading.weights = term(Term::Weights);
    reading.kv_cache = term(Term::KvCache);
    reading.compute = term(Term::Compute);
    reading.total().is_some().then_some(reading)
}

/// The buffer of a line: where it lies, what it is for, its bytes.
fn buffer(line: &str) -> Option<(&str, Term, u64)> {
    TERMS.iter().find_map(|(mark, term)| {
        let bytes = bytes_after(line, mark)?;
        let (before, _) = line.split_once(mark)?;
        Some((before.split_whitespace().next_back()?, *term, bytes))
    })
}

/// `CPU`, `CPU_Mapped`, `CPU_REPACK`, and the page-locked `CUDA_Host`.
fn is_host(buffer: &str) -> bool {
    buffer.starts_with("CPU") || buffer.ends_with("_Host")
}

/// `build_info: b9284-afcda09d1` of servers since 2026, `build: 6123 (79c1160b0) with …` of those before.
fn version(line: &str) -> Option<String> {
    if let Some(build) = word_after(line, "build_info: ") {
        return Some(build.to_owned());
    }
    let number = line.strip_prefix("build: ")?.split_whitespace().next()?;
    number.bytes().all(|byte| byte.is_ascii_digit()).then(|| format!("b{number}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: u64 = 1_048_576;

    /// llama-server build 11549 with a Gemma-3-shaped model on two CPU slots, its lines of interest.
    const HOST: &str = "\
0.00.001.421 I srv          init: build_info: b11549-79c1160b0
0.00.216.021 I print_info: arch                  = gemma3
0.00.123.395 I load_tensors:          CPU model buffer size =    46.50 MiB
0.00.154.680 I llama_context:        CPU  output buffer size =     0.75 MiB
0.00.154.897 I llama_kv_cache:        CPU KV buffer size =    16.00 MiB
0.00.162.739 I llama_kv_cache: size =   16.00 MiB (  4096 cells,   2 layers,  4/4 seqs), K (f16):    8.00 MiB
0.00.162.860 I llama_kv_cache:        CPU KV buffer size =    20.00 MiB
0.00.174.202 I sched_reserve:        CPU compute buffer size =    13.50 MiB
";

    #[test]
    fn the_host_stands_in_where_there_is_no_gpu() {
        let reading = read(HOST).unwrap();
        assert_eq!(reading.weights, Some(46 * MIB + MIB / 2));
        assert_eq!(reading.kv_cache, Some(36 * MIB), "both caches of a sliding window count");
        assert_eq!(reading.compute, Some(13 * MIB + MIB / 2));
        assert_eq!(reading.total(), Some(96 * MIB));
        assert_eq!(reading.version.as_deref(), Some("b11549-79c1160b0"));
        assert_eq!(reading.architecture.as_deref(), Some("gemma3"));
    }

    #[test]
    fn only_the_gpus_count_where_there_are_some() {
        let log = "\
build: 6123 (79c1160b0) with cc (Debian 12.2.0) for x86_64-linux-gnu
print_info: arch             = qwen35moe
load_tensors:   CPU_Mapped model buffer size =   308.00 MiB
load_tensors:        CUDA0 model buffer size =  1000.00 MiB
load_tensors:        CUDA1 model buffer size =   900.00 MiB
llama_kv_cache_unified:      CUDA0 KV buffer size =   100.00 MiB
llama_memory_recurrent:      CUDA1 RS buffer size =    20.00 MiB
llama_context:  CUDA_Host  output buffer size =     0.50 MiB
llama_context:      CUDA0 compute buffer size =   900.00 MiB
llama_context:  CUDA_Host compute buffer size =    20.00 MiB
llama_context:      CUDA0 compute buffer size =   300.00 MiB
";
        let reading = read(log).unwrap();
        assert_eq!(reading.weights, Some(1900 * MIB));
        assert_eq!(reading.kv_cache, Some(120 * MIB));
        assert_eq!(reading.compute, Some(300 * MIB), "the last reservation lasts");
        assert_eq!(reading.version.as_deref(), Some("b6123"));
    }
}
