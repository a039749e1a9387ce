//! SGLang: what its scheduler logs after loading the weights and making the memory pool.

use super::Reading;
use super::text::{add, bytes_after, word_after};

pub(super) fn read(log: &str) -> Option<Reading> {
    let mut reading = Reading::default();
    for line in log.lines() {
        if line.contains("Load weight end.") && reading.weights.is_none() {
            reading.weights = bytes_after(line, "mem usage=");
            reading.architecture = word_after(line, "type=").map(str::to_owned);
        }
        // Further ranks repeat the line with the same figures.
        if line.contains("KV Cache is allocated.") && reading.kv_cache.is_none() {
            for half in [", K size: ", ", V size: ", ", KV size: "] {
                add(&mut reading.kv_cache, bytes_after(line, half));
            }
        }
        reading.version = reading.version.or_else(|| word_after(line, "sglang version ").map(str::to_owned));
    }
    reading.total().is_some().then_some(reading)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn weights_and_both_halves_of_the_cache_are_read_once() {
        let line = "[2026-11-24 10:00:00 TP0] KV Cache is allocated. #tokens: 443136, K size: 11.50 GB, V size: 11.50 GB\n";
        let log = format!(
            "[2026-11-24 10:00:00 TP0] Load weight end. type=LlamaForCausalLM, dtype=torch.bfloat16, avail mem=8.10 GB, mem usage=15.00 GB.\n{line}{line}"
        );
        let reading = read(&log).unwrap();
        assert_eq!((reading.weights, reading.kv_cache), (Some(15 << 30), Some(23 << 30)));
        assert_eq!(reading.architecture.as_deref(), Some("LlamaForCausalLM"));
    }
}
