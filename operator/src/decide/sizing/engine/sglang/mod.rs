//! SGLang: a fraction of the card for weights and KV cache, the rest for passes and graphs.

mod flags;

use super::super::architecture::within;
use super::super::estimate::Terms;
use super::super::{Assumption, Bytes, Request, SizingError};
use super::EngineVersion;
use super::llama_cpp::adapters::adapters;
use super::torch::{self, CUDA_CONTEXT, KvWidth, Loading};

pub use flags::SglangFlags;

const NAME: &str = "SGLang";
/// The releases whose rule for what stays free is the one below: `_handle_gpu_memory_settings` in
/// python/sglang/srt/server_args.py since pull request 10975. Releases before it have a figure for each size of
/// card that was derived from the same use.
const CHECKED: [EngineVersion; 2] = [EngineVersion::new(0, 5, 4), EngineVersion::new(0, 5, 9)];
/// What the rule sets aside for metadata, such as an attention backend's workspace.
const METADATA: Bytes = Bytes::from_mib(512);
/// MiB for two tokens of a chunk of a prompt, of which there are taken to be at least so many.
const TWO_TOKENS_MIB: u64 = 3;
const LEAST_CHUNK: u64 = 2048;
/// MiB for each sequence that CUDA graphs are captured for.
const GRAPH_MIB: u64 = 2;
/// MiB for each GPU of a group.
const GROUP_MIB: u64 = 128;

/// The settings of SGLang that decide its memory.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sglang {
    /// The release.
    pub version: EngineVersion,
    /// Tokens of one pass over a prompt (`--chunked-prefill-size`).
    pub chunk_tokens: u32,
    /// Sequences that CUDA graphs are captured for (`--cuda-graph-max-bs`), no more than there are.
    pub graph_sequences: u32,
}

impl Default for Sglang {
    /// A current release, with the chunk it chooses on cards below 35 GiB.
    fn default() -> Self {
        Self { version: EngineVersion::new(0, 5, 9), chunk_tokens: 2048, graph_sequences: 160 }
    }
}

/// The need of one GPU, part by part.
struct Parts {
    weights: Bytes,
    kv_cache: Bytes,
    compute: Bytes,
    runtime: Bytes,
    adapters: Bytes,
    state: Bytes,
}

impl Parts {
    /// What `--mem-fraction-static` covers.
    fn in_fraction(&self) -> Result<Bytes, SizingError> {
        let static_parts = [self.kv_cache, self.adapters, self.state];
        static_parts.into_iter().try_fold(self.weights, |sum, part| sum.plus(part, "all terms"))
    }
}

impl Sglang {
    fn graph_sequences(&self, request: &Request<'_>) -> u32 {
        self.graph_sequences.min(request.parallel_sequences)
    }

    /// Passes need what the widest layer takes, and no less than SGLang's own rule sets aside for them.
    fn parts(&self, request: &Request<'_>) -> Result<Parts, SizingError> {
        within("chunkTokens", self.chunk_tokens, u32::MAX)?;
        let a = request.architecture;
        let (sequences, gpus) = (u64::from(request.parallel_sequences), u64::from(request.gpus));
        let loading = Loading::new(request.weights, NAME)?;
        let chunk = u64::from(self.chunk_tokens);
        let pass = torch::activations(a, chunk.max(sequences), loading.activation_bytes(), gpus)?;
        let rule = Bytes::from_mib(chunk.max(LEAST_CHUNK) * TWO_TOKENS_MIB / 2);
        let graphs = GRAPH_MIB * u64::from(self.graph_sequences(request)) + GROUP_MIB * gpus;
        let runtime = METADATA.plus(Bytes::from_mib(graphs), "the runtime")?;
        let width = KvWidth::new(a, request.kv, gpus, NAME)?;
        let layers = (0..a.layers).map(|layer| u64::from(a.attends(layer))).sum();
        // One pool for all layers: windows save nothing (`--disable-hybrid-swa-memory`).
        let kv = [width.bytes_per_token(), layers, request.context_tokens.into(), sequences];
        Ok(Parts {
            weights: torch::weights(a, loading, request.gpus)?,
            kv_cache: Bytes::product(&kv, "the KV cache")?,
            compute: pass.max(rule),
            runtime: runtime.plus(CUDA_CONTEXT, "the runtime")?,
            adapters: adapters(a, request.adapters)?,
            state: torch::state(a, sequences, gpus)?,
        })
    }

    pub(super) fn terms(&self, request: &Request<'_>) -> Result<Terms, SizingError> {
        let Parts { weights, kv_cache, compute, runtime, adapters, state } = self.parts(request)?;
        let per_gpu = [kv_cache, compute, runtime, adapters, state]
            .into_iter()
            .try_fold(weights, |sum, term| sum.plus(term, "all terms"))?;
        let all = |bytes: Bytes| Bytes::product(&[bytes.get(), request.gpus.into()], "all terms");
        let mut assumptions = Vec::new();
        let [oldest, newest] = CHECKED;
        if self.version < oldest || self.version > newest {
            assumptions.push(Assumption::EngineVersion { engine: NAME, version: self.version });
        }
        Ok(Terms {
            weights: all(weights)?,
            kv_cache: all(kv_cache)?,
            compute: all(compute)?,
            runtime: all(runtime)?,
            adapters: all(adapters)?,
            state: all(state)?,
            per_gpu,
            assumptions,
        })
    }
}
