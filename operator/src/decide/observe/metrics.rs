//! What engines say of their KV cache in their metrics. A new engine is a function here and a line in [`ENGINES`].

use super::Reading;
use super::exposition::{Sample, samples};

/// The engines whose metrics can be read. Each gives nothing for metrics that are not its own.
const ENGINES: &[fn(&str) -> Option<Reading>] = &[vllm, sglang];
/// No cache holds as many tokens, and no card as many bytes: what is beyond is no figure.
const LARGEST: u64 = 1 << 50;

/// Reads an engine's metrics, whichever engine it is.
pub fn read(text: &str) -> Option<Reading> {
    ENGINES.iter().find_map(|read| read(text))
}

/// vLLM's `vllm:cache_config_info` has the settings of its cache as labels. Newer versions count tokens themselves,
/// which for models with several kinds of layers is not blocks times their size. Further engines of one server, as
/// for data parallelism, have the same. Bytes are there only where they were given or the CPU's were counted.
fn vllm(text: &str) -> Option<Reading> {
    let info = samples(text, "vllm:cache_config_info").next()?;
    let parsed = |label| info.label(label)?.parse::<u64>().ok();
    let number = |label| parsed(label).filter(|number| *number < LARGEST);
    let blocks = || Some(number("num_gpu_blocks")?.saturating_mul(number("block_size")?));
    let tokens = number("kv_cache_size_tokens").or_else(blocks).filter(|n| (1..LARGEST).contains(n));
    let kv_cache = number("kv_cache_memory_bytes").filter(|bytes| *bytes > 0);
    let reading = Reading { kv_cache, kv_cache_tokens: tokens, ..Reading::default() };
    (reading != Reading::default()).then_some(reading)
}

/// SGLang (with `--enable-metrics`) counts the tokens of its pool; each rank holds all of them, of its share of heads.
fn sglang(text: &str) -> Option<Reading> {
    let largest = samples(text, "sglang:max_total_num_tokens").filter_map(|sample| whole(&sample)).max()?;
    Some(Reading { kv_cache_tokens: Some(largest), ..Reading::default() })
}

/// A gauge that counts something.
pub(super) fn whole(sample: &Sample<'_>) -> Option<u64> {
    #[allow(clippy::cast_precision_loss, reason = "a power of two")]
    let range = 1.0..LARGEST as f64;
    #[allow(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "checked to be finite, positive and far below 2^64"
    )]
    range.contains(&sample.value).then_some(sample.value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Of a running server.
    const VLLM: &str = include_str!("fixtures/vllm-0.32.0-cpu-metrics.txt");

    #[test]
    fn vllm_says_what_its_cache_holds() {
        let reading = read(VLLM).unwrap();
        assert_eq!(reading.kv_cache_tokens, Some(4096 * 128));
        assert_eq!(reading.kv_cache, Some(1 << 30));
    }

    #[test]
    fn an_older_vllm_says_blocks_and_their_size() {
        let text = "vllm:cache_config_info{block_size=\"16\",cache_dtype=\"auto\",kv_cache_memory_bytes=\"None\",num_gpu_blocks=\"27756\"} 1.0\n";
        let reading = read(text).unwrap();
        assert_eq!((reading.kv_cache_tokens, reading.kv_cache), (Some(444_096), None));
        assert_eq!(reading.total(), None, "tokens are no bytes");
    }

    #[test]
    fn sglang_says_the_size_of_its_pool() {
        let text = "sglang:max_total_num_tokens{tp_rank=\"0\"} 262144.0\nsglang:max_total_num_tokens{tp_rank=\"1\"} 262144.0\n";
        assert_eq!(read(text).unwrap().kv_cache_tokens, Some(262_144));
    }

    #[test]
    fn what_is_no_figure_is_left_out() {
        for labels in [
            "",
            "num_gpu_blocks=\"None\",block_size=\"16\"",
            "num_gpu_blocks=\"-1\",block_size=\"16\"",
            "num_gpu_blocks=\"0\",block_size=\"16\"",
            "num_gpu_blocks=\"18446744073709551615\",block_size=\"16\"",
            "num_gpu_blocks=\"1125899906842623\",block_size=\"1125899906842623\"",
        ] {
            assert_eq!(read(&format!("vllm:cache_config_info{{{labels}}} 1.0\n")), None, "{labels}");
        }
        for value in ["NaN", "+Inf", "-1", "0", "1e300"] {
            assert_eq!(read(&format!("sglang:max_total_num_tokens {value}\n")), None, "{value}");
        }
        assert_eq!(read("llamacpp:prompt_tokens_total 3\n"), None);
    }
}
