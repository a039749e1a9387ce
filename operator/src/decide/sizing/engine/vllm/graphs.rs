//! Memory of vLLM's CUDA graphs.

use crate::decide::sizing::Bytes;

/// The most tokens that a graph is captured for.
const LARGEST: u64 = 512;
/// An allowance, not a count: vLLM's logs of 0.11 to 0.25 report 0.22 to 1.03 GiB on one GPU
/// ("Estimated CUDA graph memory", "Graph capturing finished … took"), and up to 1.97 on two, where
/// the all-reduce's buffers are registered too.
const POOL: Bytes = Bytes::from_mib(384);
const PER_GRAPH: u64 = 7;

/// An allowance for the graphs of so many sequences on each of so many GPUs.
pub(super) fn graphs(sequences: u32, gpus: u32) -> Bytes {
    let sequences = u64::from(sequences);
    // Graphs of whole passes for decoding, and piecewise ones for up to twice as many tokens.
    let count = captured(sequences) + captured(2 * sequences);
    let one = Bytes::from_mib(POOL.mib() + PER_GRAPH * count);
    if gpus > 1 { Bytes::from_mib(2 * one.mib()) } else { one }
}

/// vLLM captures graphs for 1, 2, 4, every 8 up to 256, and every 16 from there on.
fn captured(most: u64) -> u64 {
    let most = most.min(LARGEST);
    most.min(3) + most.min(256) / 8 + most.saturating_sub(256) / 16
}

#[cfg(test)]
mod tests {
    use super::*;

    /// From vLLM's logs: "Profiling CUDA graph memory: PIECEWISE=51 (largest=512), FULL=35 (largest=256)".
    #[test]
    fn as_many_as_the_log_says() {
        assert_eq!((captured(512), captured(256), captured(128)), (51, 35, 19));
    }

    #[test]
    fn no_log_reports_more() {
        for (sequences, gpus, gib) in [(256, 1, 0.78), (128, 1, 0.37), (1024, 1, 1.03), (1024, 2, 1.97)] {
            let ours = graphs(sequences, gpus).mib() as f64 / 1024.0;
            assert!(ours > gib, "{sequences} sequences on {gpus}: {ours:.2} GiB, a log says {gib}");
        }
    }
}
