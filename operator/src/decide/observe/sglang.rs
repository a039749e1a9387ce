//! SGLang: what its scheduler logs after loading the weights and making the memory pools.

use super::Reading;
use super::text::{add, bytes_after, word_after};

/// Marks of pools, and of the figures in their lines. A model with windows has two pools of keys and values, one
/// with recurrent layers a pool of states besides (with intermediate ones, if it drafts), and one that drafts has its own.
const POOLS: [(&str, &[&str]); 2] = [
    ("KV Cache is allocated.", &[", K size: ", ", V size: ", ", KV size: "]),
    (
        "Mamba Cache is allocated.",
        &[
            "conv_state size: ",
            "ssm_state size: ",
            "intermediate_ssm_state_cache size: ",
            "intermediate_conv_window_cache size: ",
        ],
    ),
];

pub(super) fn read(log: &str) -> Option<Reading> {
    let mut reading = Reading::default();
    // All ranks write the same lines; the first that tells anything stands for all.
    let mut first = None;
    for line in log.lines() {
        let weights = line.contains("Load weight end.");
        let pool = POOLS.iter().find(|(mark, _)| line.contains(mark));
        if (weights || pool.is_some()) && *first.get_or_insert_with(|| rank(line)) == rank(line) {
            if weights {
                add(&mut reading.weights, bytes_after(line, "mem usage="));
                let architecture = || word_after(line, "type=").map(str::to_owned);
                reading.architecture = reading.architecture.or_else(architecture);
            }
            for mark in pool.map_or(&[][..], |(_, marks)| marks) {
                add(&mut reading.kv_cache, bytes_after(line, mark));
            }
        }
        reading.version = reading.version.or_else(|| word_after(line, "sglang version ").map(str::to_owned));
    }
    reading.total().is_some().then_some(reading)
}

/// What stands behind date and time in the brackets that a line starts with: `TP0`, or nothing on one GPU.
fn rank(line: &str) -> Option<&str> {
    let (stamp, _) = line.split_once('[')?.1.split_once(']')?;
    let (_, after_date) = stamp.split_once(' ')?;
    after_date.split_once(' ').map(|(_, rank)| rank)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// GiB with two digits, as the log has them, in bytes.
    fn gib(hundredths: u64) -> u64 {
        (hundredths * (1 << 30) + 50) / 100
    }

    #[track_caller]
    fn assert_reads(log: &str, weights: Option<u64>, kv: u64, architecture: Option<&str>) {
        let reading = read(log).unwrap();
        let near = |found: Option<u64>, wanted: Option<u64>| match (found, wanted) {
            (Some(found), Some(wanted)) => found.abs_diff(wanted) < 8,
            (found, wanted) => found == wanted,
        };
        assert!(near(reading.weights, weights) && near(reading.kv_cache, Some(kv)), "{reading:?}");
        assert_eq!(reading.architecture.as_deref(), architecture);
    }

    #[test]
    fn lines_of_real_servers_are_read() {
        let qwq = include_str!("fixtures/sglang_qwq_32b_tp4.log");
        assert_reads(qwq, Some(gib(1554)), gib(284), Some("Qwen2ForCausalLM"));
        let llama = include_str!("fixtures/sglang_llama_3_1_8b.log");
        assert_reads(llama, Some(gib(1502)), gib(466), Some("LlamaForCausalLM"));
        let hybrid = include_str!("fixtures/sglang_qwen3_5_hybrid_tp2.log");
        assert_reads(hybrid, Some(gib(376)), gib(1572), Some("Qwen3_5MoeForConditionalGeneration"));
    }

    #[test]
    fn the_pools_of_one_rank_are_added_up() {
        let draft = include_str!("fixtures/sglang_draft_tp2.log");
        assert_reads(draft, None, gib(908), None);
    }

    #[test]
    fn intermediate_states_of_a_hybrid_that_drafts_count() {
        let log = "Mamba Cache is allocated. max_mamba_cache_size: 48, conv_state size: 0.03GB, ssm_state size: 1.50GB \
            intermediate_ssm_state_cache size: 2.25GB intermediate_conv_window_cache size: 0.02GB \n";
        assert_reads(log, None, gib(380), None);
    }

    #[test]
    fn lines_without_a_stamp_are_of_one_rank() {
        let log =
            "KV Cache is allocated. #tokens: 8, K size: 1.00 GB, V size: 1.00 GB\n[x] KV Cache is allocated.";
        assert_reads(log, None, gib(200), None);
    }
}
