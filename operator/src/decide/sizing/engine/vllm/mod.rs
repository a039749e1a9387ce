//! vLLM: a fraction of the whole card, of which the KV cache gets what is left.

mod activation;
mod flags;
mod graphs;
mod kv;
mod releases;
mod report;

use super::super::architecture::within;
use super::super::estimate::Terms;
use super::super::{Assumption, Bytes, Request, SizingError};
use super::EngineVersion;
use super::llama_cpp::adapters::adapters;
use super::torch::{self, CUDA_CONTEXT, KvWidth, Loading};
use activation::Profile;
use kv::Pages;
use releases::Release;

pub use flags::VllmFlags;
pub use report::VllmReport;

const NAME: &str = "vLLM";

/// The settings of vLLM that decide its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Vllm {
    /// The release.
    pub version: EngineVersion,
    /// Tokens of one pass (`--max-num-batched-tokens`), no fewer than there are sequences.
    pub batched_tokens: u32,
    /// Tokens of a page of the KV cache (`--block-size`).
    pub block_tokens: u32,
    /// Whether CUDA graphs are left out (`--enforce-eager`).
    pub eager: bool,
}

impl Default for Vllm {
    /// A current release, with what it chooses on cards below 70 GiB.
    fn default() -> Self {
        Self { version: EngineVersion::new(0, 28, 0), batched_tokens: 2048, block_tokens: 16, eager: false }
    }
}

/// The need of one GPU, part by part.
struct Parts {
    weights: Bytes,
    kv_cache: Bytes,
    compute: Bytes,
    non_torch: Bytes,
    graphs: Bytes,
    adapters: Bytes,
    state: Bytes,
}

impl Parts {
    /// What `--gpu-memory-utilization` covers.
    fn in_fraction(&self, release: &Release) -> Result<Bytes, SizingError> {
        let graphs = if release.graphs_in_fraction { self.graphs } else { Bytes::default() };
        let parts = [self.kv_cache, self.compute, self.non_torch, graphs, self.adapters, self.state];
        parts.into_iter().try_fold(self.weights, |sum, part| sum.plus(part, "all terms"))
    }

    /// What the engine takes beside the model: libraries, graphs, the CUDA context.
    fn runtime(&self) -> Result<Bytes, SizingError> {
        self.non_torch.plus(self.graphs, "the runtime")?.plus(CUDA_CONTEXT, "the runtime")
    }
}

impl Vllm {
    fn parts(&self, request: &Request<'_>, release: &Release) -> Result<Parts, SizingError> {
        within("batchedTokens", self.batched_tokens, u32::MAX)?;
        within("blockTokens", self.block_tokens, 1 << 16)?;
        let a = request.architecture;
        let (sequences, gpus) = (u64::from(request.parallel_sequences), u64::from(request.gpus));
        let mut tokens = u64::from(self.batched_tokens).max(sequences);
        if release.whole_prompts {
            tokens = tokens.max(request.context_tokens.into());
        }
        let loading = Loading::new(request.weights, NAME)?;
        let run = Profile { tokens, sequences, width: loading.activation_bytes(), gpus };
        let pages = Pages {
            block: self.block_tokens.into(),
            context: request.context_tokens.into(),
            batched: tokens,
            hybrid: release.hybrid_kv,
        };
        let width = KvWidth::new(a, request.kv, gpus, NAME)?;
        Ok(Parts {
            weights: torch::weights(a, loading, request.gpus)?,
            kv_cache: kv::kv_cache(a, &pages, sequences, width)?,
            compute: activation::peak(a, &run, release)?,
            non_torch: release.non_torch(request.gpus),
            graphs: if self.eager {
                Bytes::default()
            } else {
                graphs::graphs(request.parallel_sequences, request.gpus)
            },
            adapters: adapters(a, request.adapters)?,
            state: torch::state(a, sequences, gpus)?,
        })
    }

    pub(super) fn terms(&self, request: &Request<'_>) -> Result<Terms, SizingError> {
        let (release, covered) = releases::of(self.version);
        let parts = self.parts(request, &release)?;
        let runtime = parts.runtime()?;
        let outside = runtime.minus(parts.non_torch);
        let outside = if release.graphs_in_fraction { outside.minus(parts.graphs) } else { outside };
        let per_gpu = parts.in_fraction(&release)?.plus(outside, "all terms")?;
        let all = |bytes: Bytes| Bytes::product(&[bytes.get(), request.gpus.into()], "all terms");
        let mut assumptions = Vec::new();
        if !covered {
            assumptions.push(Assumption::EngineVersion { engine: NAME, version: self.version });
        }
        Ok(Terms {
            weights: all(parts.weights)?,
            kv_cache: all(parts.kv_cache)?,
            compute: all(parts.compute)?,
            runtime: all(runtime)?,
            adapters: all(parts.adapters)?,
            state: all(parts.state)?,
            per_gpu,
            assumptions,
        })
    }
}
