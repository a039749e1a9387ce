//! What differs between vLLM's releases: one line each.

use super::super::EngineVersion;
use crate::decide::sizing::Bytes;

/// How the sampler that the profile run exercises restricts tokens to the likely ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Sampler {
    /// Sorts the logits of all sequences with `torch.sort`.
    Sort,
    /// Finds the threshold with a Triton kernel (vLLM pull request 33538), or samples with `FlashInfer` (40376),
    /// which takes less.
    Threshold,
}

impl Sampler {
    /// Bytes for each logit beside the logit itself in the model's own type.
    ///
    /// `Sort`: the logit as a 32-bit float; sorted values (4) and their indices (8); `torch.sort` keeps the
    /// indices it starts from (8) and a second buffer of both (12). `Threshold`: the logit as a 32-bit float,
    /// its probability, and the noise that the choice divides by.
    pub(super) const fn bytes_per_logit(self) -> u64 {
        match self {
            Self::Sort => 36,
            Self::Threshold => 12,
        }
    }
}

/// What one release and those after it do.
#[derive(Clone, Copy)]
pub(super) struct Release {
    pub(super) since: EngineVersion,
    pub(super) sampler: Sampler,
    /// Whether a pass holds a whole prompt (V0), not only `--max-num-batched-tokens` of it.
    pub(super) whole_prompts: bool,
    /// Whether layers with a sliding window keep only that (hybrid KV cache manager).
    pub(super) hybrid_kv: bool,
    /// Whether `--gpu-memory-utilization` covers CUDA graphs too.
    pub(super) graphs_in_fraction: bool,
    /// Memory outside of `PyTorch`'s allocator ("non-torch" in its log): one GPU, and several.
    non_torch: [Bytes; 2],
}

impl Release {
    /// Memory on each of so many GPUs that `PyTorch`'s allocator does not know: libraries' workspaces, and
    /// NCCL's and the custom all-reduce's buffers on several GPUs.
    pub(super) const fn non_torch(&self, gpus: u32) -> Bytes {
        let [alone, together] = self.non_torch;
        if gpus > 1 { together } else { alone }
    }
}

const fn release(minor: u32, sampler: Sampler, non_torch: [Bytes; 2]) -> Release {
    Release {
        since: EngineVersion::new(0, minor, 0),
        sampler,
        whole_prompts: minor < 8,
        hybrid_kv: minor >= 10,
        graphs_in_fraction: minor >= 21,
        non_torch,
    }
}

const fn mib(alone: u64, together: u64) -> [Bytes; 2] {
    [Bytes::from_mib(alone), Bytes::from_mib(together)]
}

/// Non-torch memory is the largest of a release's published logs. 0.6: start-up logs in vLLM's issues (0.01 to
/// 0.20 GiB; 0.39 on two GPUs). 0.8: llm-d-benchmark's measurements of 0.11 on H100s (0.13 to 0.14; 0.54 to
/// 0.55 GiB). 0.17: llm-d-planner's of 0.19 (0.24 to 0.25; 2.06 to 2.13 GiB on two and four).
const RELEASES: &[Release] = &[
    OLDEST,
    release(8, Sampler::Sort, mib(144, 564)),
    release(10, Sampler::Sort, mib(144, 564)),
    release(17, Sampler::Threshold, mib(256, 2182)),
    release(21, Sampler::Threshold, mib(256, 2182)),
];
const OLDEST: Release = release(6, Sampler::Sort, mib(205, 410));

/// The newest release whose source or log was compared with the last line.
const NEWEST_CHECKED: EngineVersion = EngineVersion::new(0, 28, 0);

/// The rules of a version, and whether the table covers it.
pub(super) fn of(version: EngineVersion) -> (Release, bool) {
    let known = RELEASES.iter().rev().find(|release| release.since <= version);
    (*known.unwrap_or(&OLDEST), known.is_some() && version <= NEWEST_CHECKED)
}
